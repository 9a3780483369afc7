//! The position of a named input over all workers: put together at a cut, and taken apart by a restore.

use super::named::Mark;
use crate::event::Timestamp;
use crate::runtime::lane::stamp::Applied;

/// One worker's share of the position of a named input, at a cut.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct InputCut {
    pub(crate) name: String,
    /// It is open, or held the clock back as if it were.
    pub(crate) open: bool,
    /// Its hold on the clock of this worker.
    pub(crate) clock: Option<Timestamp>,
    /// By id of the instance.
    pub(crate) applied: Vec<(u32, Applied)>,
    /// The last row known here: the position where an app has no instance.
    pub(crate) last: Applied,
}

/// The position of a named input over all workers: what a checkpoint keeps of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct InputPosition {
    pub(crate) name: String,
    /// It was open and had told a clock: restored, it holds the app's clock back at `clock` until it says more.
    pub(crate) open: bool,
    /// The last row that all instances have applied: the caller sends again from the next one on.
    pub(crate) position: u64,
    /// The input's clock after that row.
    pub(crate) clock: Option<Timestamp>,
    /// By id of the instance.
    pub(crate) applied: Vec<(u32, Applied)>,
    /// The newest mark at or before the position.
    pub(crate) mark: Option<Mark>,
}

/// Puts the shares of all workers together; the mark is added by who keeps them.
pub(crate) fn merge(cuts: impl IntoIterator<Item = InputCut>) -> Vec<InputPosition> {
    let mut positions: Vec<(InputPosition, Applied)> = Vec::new();
    for cut in cuts {
        let known = positions.iter().position(|(p, _)| p.name == cut.name);
        let place = known.unwrap_or_else(|| {
            let position = InputPosition {
                name: cut.name.clone(),
                open: false,
                position: 0,
                clock: None,
                applied: Vec::new(),
                mark: None,
            };
            positions.push((position, Applied::default()));
            positions.len() - 1
        });
        let (position, last) = &mut positions[place];
        position.open |= cut.open && cut.clock.is_some();
        position.applied.extend(cut.applied);
        last.raise(cut.last);
    }
    let settled = positions.into_iter().map(|(mut position, last)| {
        let all = || position.applied.iter().map(|(_, applied)| *applied);
        let number = all().map(|a| a.number).min().unwrap_or(last.number);
        // Where the clock moved on behind the row, some workers may not have heard it yet.
        let clock = all().filter(|a| a.number == number).map(|a| a.clock).max();
        position.clock = clock.unwrap_or(last.clock);
        position.position = number;
        position
    });
    settled.collect()
}

#[cfg(all(test, not(eventflux_loom)))]
mod tests {
    use super::*;

    fn at(number: u64, clock: i64) -> Applied {
        let clock = (clock > 0).then_some(Timestamp(clock));
        Applied { number, clock }
    }

    fn cut(open: bool, clock: Option<i64>, applied: &[(u32, Applied)], last: Applied) -> InputCut {
        InputCut {
            name: "a".to_string(),
            open,
            clock: clock.map(Timestamp),
            applied: applied.to_vec(),
            last,
        }
    }

    #[test]
    fn the_position_of_an_app_is_the_smallest_of_its_instances() {
        let first = cut(true, None, &[(0, at(7, 70)), (2, at(5, 50))], at(7, 70));
        let second = cut(true, Some(60), &[(1, at(5, 55))], at(9, 90));
        let [merged] = merge([first, second]).try_into().expect("one input");
        assert_eq!((merged.position, merged.clock), (5, Some(Timestamp(55))));
        assert!(merged.open);
        let ids: Vec<u32> = merged.applied.iter().map(|(id, _)| *id).collect();
        assert_eq!(ids, [0, 2, 1]);
    }

    #[test]
    fn an_app_without_instances_has_the_last_row_as_its_position() {
        let cuts = [
            cut(true, None, &[], at(4, 0)),
            cut(true, None, &[], at(6, 0)),
        ];
        let [merged] = merge(cuts).try_into().expect("one input");
        assert_eq!((merged.position, merged.open), (6, false));
    }
}

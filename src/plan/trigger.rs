//! A trigger: a query that reads what never comes, and writes a row at its times.

use super::{QueryIdentity, QueryPlan, WindowPlan};
use crate::error::Fault;
use crate::operator::trigger::Schedule;
use crate::operator::window::Crontab;
use crate::sql::ast::{Name, TriggerAt, TriggerDef};

/// The one attribute of a trigger: the time at which it fired, in milliseconds.
pub(super) const TRIGGERED_TIME: &str = "triggered_time";

/// A trigger with its checked times.
pub(super) struct TriggerPlan {
    name: String,
    schedule: Schedule,
    /// When it fires, as written.
    text: String,
}

impl TriggerPlan {
    pub(super) fn new(def: &TriggerDef, text: &str) -> Result<Self, Fault> {
        let schedule = match &def.at {
            TriggerAt::Start => Schedule::Start,
            TriggerAt::Every(us) => Schedule::Every(*us),
            TriggerAt::Cron(cron) => match Crontab::parse(&cron.text) {
                Ok(crontab) => Schedule::Cron(crontab),
                Err(why) => {
                    let fault = Fault::new(cron.span, why);
                    return Err(fault.help("write AT CRON '*/5 * * * * *' for every 5 seconds"));
                }
            },
        };
        let written = text.get(def.span.range()).unwrap_or_default();
        Ok(TriggerPlan {
            name: def.name.text.clone(),
            schedule,
            text: super::identity::normal(written),
        })
    }

    /// Makes the query that writes its stream the one that fires it.
    pub(super) fn fill(&self, query: &mut QueryPlan) {
        query.name = format!("trigger {}", self.name);
        query.identity = QueryIdentity::of_trigger(&self.name, &self.text);
        let source = &mut query.sources[0];
        source.window = Some(WindowPlan::Trigger(self.schedule.clone()));
        source.window_text = self.text.clone();
    }
}

/// The stream that a trigger reads. No name that can be written is equal to it.
pub(super) fn ticking(trigger: &Name) -> String {
    format!("{} (ticking)", trigger.text)
}

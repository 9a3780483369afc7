//! `check` and `explain`: what an app is, and what is wrong or seldom meant in it, for people and programs.

use crate::app::App;
use crate::args::{CheckArgs, ExplainArgs};
use crate::failure::Failure;
use crate::state::print_json;
use crate::{say, show};
use eventflux::{Drawing, EventFluxAppRuntime, Problem, StreamInfo};
use serde::Serialize;
use std::path::Path;

/// A problem of an app's text.
#[derive(Serialize)]
struct ProblemView {
    line: usize,
    column: usize,
    /// How many characters are meant.
    width: usize,
    message: String,
    remedy: Option<String>,
}

impl ProblemView {
    fn of(problem: &Problem) -> Self {
        ProblemView {
            line: problem.line,
            column: problem.column,
            width: problem.width,
            message: problem.message.clone(),
            remedy: problem.remedy.clone(),
        }
    }
}

/// What `check` finds of one app.
#[derive(Default, Serialize)]
struct AppView {
    file: String,
    ok: bool,
    streams: usize,
    /// Why it was not looked at.
    unread: Option<String>,
    errors: Vec<ProblemView>,
    warnings: Vec<ProblemView>,
}

/// What `check` finds.
#[derive(Serialize)]
struct CheckView {
    apps: Vec<AppView>,
}

/// Builds every app and says which are right.
pub fn check(args: &CheckArgs) -> Result<(), Failure> {
    let looked = args.apps.iter().map(|path| look(path, args.json));
    let apps: Vec<AppView> = looked.collect();
    let wrong = apps.iter().filter(|app| !app.ok).count();
    if args.json {
        print_json(&CheckView { apps })?;
    }
    match wrong {
        0 => Ok(()),
        1 if args.apps.len() == 1 => Err(Failure::wrong()),
        n => Err(Failure::usage(format!(
            "{n} of {} apps are wrong",
            args.apps.len()
        ))),
    }
}

/// Builds an app, and says how it is unless `silent`.
fn look(path: &Path, silent: bool) -> AppView {
    let mut view = AppView {
        file: path.display().to_string(),
        ..AppView::default()
    };
    let app = match App::peek(path) {
        Ok(app) => app,
        Err(failure) => {
            if !silent {
                say!("{failure}");
            }
            view.unread = Some(failure.to_string());
            return view;
        }
    };
    match app.try_build() {
        Ok(runtime) => {
            view.ok = true;
            view.streams = runtime.streams().len();
            view.warnings = seldom_meant(&runtime).map(ProblemView::of).collect();
            if !silent {
                tell(&app, &runtime);
                show!("{}: ok, {} streams", view.file, view.streams);
            }
        }
        Err(error) => {
            view.errors = error.problems().iter().map(ProblemView::of).collect();
            if !silent {
                say!("{}\n{error}", view.file);
            }
        }
    }
    view
}

fn seldom_meant(runtime: &EventFluxAppRuntime) -> impl Iterator<Item = &Problem> {
    runtime.warnings().iter().chain(runtime.notes())
}

fn tell(app: &App, runtime: &EventFluxAppRuntime) {
    app.tell(runtime.warnings());
    app.tell(runtime.notes());
}

/// Shows the plan of an app.
pub fn explain(args: &ExplainArgs) -> Result<(), Failure> {
    let app = App::peek(&args.app)?;
    let runtime = app.build()?;
    if args.json {
        return print_json(&PlanView::of(&runtime));
    }
    tell(&app, &runtime);
    let text = match (args.dot, args.mermaid) {
        (true, _) => runtime.draw(Drawing::Dot),
        (_, true) => runtime.draw(Drawing::Mermaid),
        (false, false) => runtime.explain(),
    };
    show!("{}", text.trim_end());
    Ok(())
}

/// A stream of an app.
#[derive(Serialize)]
struct StreamView {
    name: String,
    attributes: Vec<AttributeView>,
    declared: bool,
    read: bool,
    written: bool,
}

#[derive(Serialize)]
struct AttributeView {
    name: String,
    r#type: String,
}

impl StreamView {
    fn of(stream: &StreamInfo) -> Self {
        let attributes = stream.schema.attributes().iter();
        StreamView {
            name: stream.name.clone(),
            attributes: attributes
                .map(|a| AttributeView {
                    name: a.name.to_string(),
                    r#type: a.ty.to_string(),
                })
                .collect(),
            declared: stream.declared,
            read: stream.read,
            written: stream.written,
        }
    }
}

/// A line of the plan, and those below it.
#[derive(Default, Serialize)]
struct StepView {
    text: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    steps: Vec<StepView>,
}

impl StepView {
    /// The steps of a text that is indented by two blanks for each step below another.
    fn of(text: &str) -> Vec<StepView> {
        let mut all = StepView::default();
        for line in text.lines() {
            let step = line.trim_start_matches(' ');
            let depth = (line.len() - step.len()) / 2;
            let mut above = &mut all;
            for _ in 0..depth {
                if above.steps.is_empty() {
                    break;
                }
                let last = above.steps.len() - 1;
                above = &mut above.steps[last];
            }
            above.steps.push(StepView {
                text: step.to_string(),
                steps: Vec::new(),
            });
        }
        all.steps
    }
}

/// What `explain` tells programs.
#[derive(Serialize)]
struct PlanView {
    app: String,
    event_time: bool,
    streams: Vec<StreamView>,
    /// Components, with their queries below them, and the operators of these.
    components: Vec<StepView>,
    warnings: Vec<ProblemView>,
}

impl PlanView {
    fn of(runtime: &EventFluxAppRuntime) -> Self {
        let text = runtime.explain();
        // The first line has the name and the time.
        let components = text.split_once('\n').map_or("", |(_, rest)| rest);
        PlanView {
            app: runtime.name().to_string(),
            event_time: runtime.is_event_time(),
            streams: runtime.streams().iter().map(StreamView::of).collect(),
            components: StepView::of(components),
            warnings: seldom_meant(runtime).map(ProblemView::of).collect(),
        }
    }
}

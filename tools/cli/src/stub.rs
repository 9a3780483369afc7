//! Stands in for the engine until its API is there: every row of `S` goes to `Out`.
use eventflux::event::{Batch, Schema, Timestamp, Type, Value};

pub struct EventFluxManager;
#[derive(Default)]
pub struct RuntimeConfig {
    event: bool,
}
pub enum Workers {
    Inline,
    Pinned(#[allow(dead_code)] usize),
}
pub struct StreamInfo {
    pub name: String,
    pub schema: Schema,
    pub written: bool,
    pub read: bool,
}
type Callback = Box<dyn Fn(&Batch) + Send + Sync>;
#[derive(Default)]
pub struct AppRuntime {
    event: bool,
    callbacks: std::sync::Arc<std::sync::Mutex<Vec<(String, Callback)>>>,
}
pub struct Input {
    callbacks: std::sync::Arc<std::sync::Mutex<Vec<(String, Callback)>>>,
}

impl EventFluxManager {
    pub fn new() -> Self {
        EventFluxManager
    }
    pub fn create_with(&mut self, text: &str, config: RuntimeConfig) -> Result<AppRuntime, String> {
        if text.contains("wrong") {
            return Err("error: wrong".into());
        }
        Ok(AppRuntime {
            event: config.event || text.contains("@app:playback"),
            ..Default::default()
        })
    }
}
impl RuntimeConfig {
    pub fn workers(self, _: Workers) -> Self {
        self
    }
    pub fn event_time(mut self, event: bool) -> Self {
        self.event = event;
        self
    }
}
fn schema() -> Schema {
    Schema::new([
        ("sym", Type::String),
        ("price", Type::Double),
        ("qty", Type::Int),
    ])
}
impl AppRuntime {
    pub fn streams(&self) -> Vec<StreamInfo> {
        ["Trades", "Out"]
            .iter()
            .enumerate()
            .map(|(i, n)| StreamInfo {
                name: n.to_string(),
                schema: schema(),
                written: i == 1,
                read: i == 0,
            })
            .collect()
    }
    pub fn is_event_time(&self) -> bool {
        self.event
    }
    pub fn explain(&self) -> String {
        "nothing\n".into()
    }
    pub fn warnings(&self) -> &[eventflux::Problem] {
        &[]
    }
    pub fn add_callback(
        &mut self,
        s: &str,
        f: impl Fn(&Batch) + Send + Sync + 'static,
    ) -> Result<(), String> {
        self.callbacks.lock().unwrap().push((s.into(), Box::new(f)));
        Ok(())
    }
    pub fn start(&mut self) -> Result<(), String> {
        Ok(())
    }
    pub fn input(&self) -> Result<Input, String> {
        Ok(Input {
            callbacks: self.callbacks.clone(),
        })
    }
    pub fn flush(&mut self) -> Result<(), String> {
        Ok(())
    }
    pub fn shutdown(&mut self) -> Result<(), String> {
        Ok(())
    }
}
impl Input {
    pub fn send_at(&mut self, stream: &str, _: Timestamp, _row: &[Value]) -> Result<(), String> {
        if stream == "Trades" {
            for (_, c) in self.callbacks.lock().unwrap().iter() {
                c(&Batch::new(&schema()));
            }
        }
        Ok(())
    }
    pub fn send(&mut self, stream: &str, row: &[Value]) -> Result<(), String> {
        self.send_at(stream, Timestamp(0), row)
    }
    pub fn send_batch(
        &mut self,
        _: &str,
        _: &[(Option<Timestamp>, Vec<Value>)],
    ) -> Result<(), String> {
        Ok(())
    }
    pub fn advance_clock(&mut self, _: Timestamp) -> Result<(), String> {
        Ok(())
    }
}

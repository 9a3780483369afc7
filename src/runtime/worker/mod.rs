//! What one worker owns and does in a step: `core` takes what lanes bring, moves the clock on (`clocks`, `wall`) and
//! gives rows to its instances (`instance`), each a graph of operators (`graph`); what comes out goes to callbacks and
//! subscriptions (`output`, `output_number`) and to operators of the user (`handler`). `positions` is what it has
//! applied of each named input; below `core`, `capture` is its part in a checkpoint. The room knows lanes and
//! positions, but neither the app, nor the thread that runs a step, nor who sends.

pub(crate) mod clocks;
pub(crate) mod core;
pub(crate) mod graph;
pub(crate) mod handler;
pub(crate) mod instance;
pub(crate) mod output;
pub(crate) mod output_number;
pub(crate) mod positions;
pub(crate) mod wall;

//! Agent-days that were drawn once are kept for the next question.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Operation, agent, and the Unix second at which the local day begins.
pub(super) type AgentDay = (usize, usize, i64);

/// What was drawn for each agent-day, up to a limit.
pub(super) struct Kept<T> {
    limit: usize,
    drawn: Mutex<HashMap<AgentDay, Arc<T>>>,
}

impl<T> Kept<T> {
    pub(super) fn up_to(limit: usize) -> Kept<T> {
        Kept { limit, drawn: Mutex::default() }
    }

    /// What is kept, or else what is drawn now. The same either way: drawing is reproducible.
    pub(super) fn get(&self, key: AgentDay, draw: impl FnOnce() -> T) -> Arc<T> {
        if let Some(kept) = self.drawn.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Arc::clone(kept);
        }
        let drawn = Arc::new(draw());
        let mut kept = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= self.limit {
            kept.clear();
        }
        kept.insert(key, Arc::clone(&drawn));
        drawn
    }
}

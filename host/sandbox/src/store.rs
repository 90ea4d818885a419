//! What the host keeps beside each running guest.

use crate::capability::kv::Kv;
use crate::capability::log::LineBudget;
use crate::capability::metrics::Metrics;
use crate::limits::{Limits, Meter};
use crate::{Digest, Fault};
use std::sync::Arc;
use wasmtime::component::ResourceTable;
use wasmtime::{Engine, Store, UpdateDeadline};
use wasmtime_wasi::WasiCtx;

/// The embedder's part of a store can say whose request it serves.
pub trait Tags: Send + 'static {
    /// What marks a log line of this sandbox: names and values, in a fixed order.
    fn tags(&self) -> Vec<(&'static str, String)>;

    /// Under which name what the guest keeps is kept; `None` where it serves nobody whose state
    /// that could be.
    fn namespace(&self) -> Option<String> {
        None
    }
}

/// Who a sandbox belongs to, shared by all sandboxes of one plugin.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) name: String,
    pub(crate) digest: Digest,
    pub(crate) lines: LineBudget,
    pub(crate) metrics: Metrics,
    /// Where it keeps its state; `None` where it may keep none.
    pub(crate) kv: Option<Arc<dyn Kv>>,
}

/// The data of a store: the embedder's, and what keeps the guest within its limits.
pub struct State<D> {
    /// The embedder's own.
    pub data: D,
    /// Resources that the host lends to the guest.
    pub table: ResourceTable,
    pub(crate) meter: Meter,
    pub(crate) identity: Arc<Identity>,
    /// Made when a guest first asks: most have no WASI at all.
    pub(crate) wasi: Option<Box<WasiCtx>>,
}

impl<D> State<D> {
    /// To be called first by every host function: counts it.
    ///
    /// # Errors
    ///
    /// [`Fault::HostCalls`], which ends the sandbox.
    #[inline]
    pub fn host_call(&mut self) -> Result<(), Fault> {
        self.meter.host_call()
    }

    /// Whether the guest called the host so often and not once more since it began, and nothing
    /// of WASI: an embedder that counts the calls of its own functions sees so whether the guest
    /// used anything else.
    pub fn has_called_only(&self, times: u64) -> bool {
        self.meter.all_host_calls() == times && self.wasi.is_none()
    }
}

/// A store with all its limits in place.
pub(crate) fn bounded<D: Tags>(
    engine: &Engine,
    identity: &Arc<Identity>,
    limits: &Arc<Limits>,
    data: D,
) -> Store<State<D>> {
    let mut table = ResourceTable::new();
    table.set_max_capacity(limits.handles);
    let state = State {
        data,
        table,
        meter: Meter::new(limits.clone()),
        identity: identity.clone(),
        wasi: None,
    };
    let mut store = Store::new(engine, state);
    store.limiter(|state| &mut state.meter);
    store.set_hostcall_fuel(limits.output);
    store.set_max_component_handles(limits.handles);
    // At each tick the guest lets others run: one that spins does not hold a thread of the
    // executor, and a call that was given up is dropped at the next tick.
    store.epoch_deadline_callback(|mut context| {
        context.data_mut().meter.tick()?;
        Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
    });
    store
}

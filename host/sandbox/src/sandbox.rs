//! One instance of a plugin, from its creation to its end.

use crate::plugin::{Place, Plugin};
use crate::store::State;
use crate::{Fault, Limits, World};
use std::future::Future;
use std::sync::Arc;
use wasmtime::Store;

/// A running instance, with a memory that nobody else has used.
///
/// After a [`Fault`] it answers no further call; drop it.
pub struct Sandbox<W: World> {
    pub(crate) store: Store<State<W::Data>>,
    pub(crate) guest: W::Guest,
    pub(crate) limits: Arc<Limits>,
    /// Its place among the engine's [`Settings::instances`](crate::Settings::instances), and its
    /// plugin's [`Limits::sandboxes`].
    pub(crate) _place: Place,
    /// Keeps the generation's code and counters alive as long as it runs.
    pub(crate) _plugin: Arc<Plugin<W>>,
}

impl<W: World> Sandbox<W> {
    /// What a call into the guest takes: its exports, its store, and the watch under which the
    /// call has to run. The counters of a call begin anew.
    ///
    /// ```text
    /// let (guest, store, watch) = sandbox.enter();
    /// let answer = watch.over(guest.interface().call_function(store, &argument)).await?;
    /// ```
    pub fn enter(&mut self) -> (&W::Guest, &mut Store<State<W::Data>>, Watch) {
        self.store.data_mut().meter.enter();
        // Ticks that went by while nobody was inside are not the guest's.
        self.store.set_epoch_deadline(1);
        (&self.guest, &mut self.store, Watch { limits: self.limits.clone() })
    }

    /// The embedder's data.
    pub fn data(&self) -> &W::Data {
        &self.store.data().data
    }

    /// The embedder's data and the resources that are lent, between calls.
    pub fn state_mut(&mut self) -> &mut State<W::Data> {
        self.store.data_mut()
    }
}

/// Bounds the time of a call and tells its errors apart.
pub struct Watch {
    pub(crate) limits: Arc<Limits>,
}

impl Watch {
    /// Runs a call into a guest.
    ///
    /// # Errors
    ///
    /// The [`Fault`] that ended it.
    pub async fn over<R>(
        self,
        call: impl Future<Output = wasmtime::Result<R>>,
    ) -> Result<R, Fault> {
        match tokio::time::timeout(self.limits.deadline, call).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(Fault::of(&error, &self.limits)),
            Err(_) => Err(Fault::Deadline { limit: self.limits.deadline }),
        }
    }
}

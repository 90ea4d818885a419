//! The engine that all sandboxes share: compiler, pool of memories, clock of ticks.

use crate::cache::Cache;
use crate::capability::kv::Kv;
use crate::compile::Compiler;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig};

/// How often a running guest is interrupted, to count its time and to let others run.
pub const TICK: Duration = Duration::from_millis(5);

/// How many bytes of linear memory any plugin's [`Limits::memory`](crate::Limits::memory) may
/// allow: the size of a slot's accessible part in the pool.
const LARGEST_MEMORY: usize = 1 << 30;

/// Processes that compile at the same time.
const COMPILERS: usize = 2;

/// What an engine is made with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Sandboxes that exist at the same time. Address space for their memories (4 GiB each) is
    /// reserved at the start; memory is used only as guests touch it.
    pub instances: u32,
    /// Bytes of a guest's call stack.
    pub stack: usize,
    /// Folder for compiled components; `None` compiles at each start.
    pub cache: Option<PathBuf>,
    /// Who compiles, in a process of its own; `None`: this process.
    pub compiler: Option<Compiler>,
    /// Where guests keep their state; without it nobody can.
    pub kv: Option<Arc<dyn Kv>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { instances: 1_000, stack: 512 << 10, cache: None, compiler: None, kv: None }
    }
}

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// wasmtime refused the configuration, or the machine the address space.
    #[error("the sandbox engine cannot start with {instances} instances: {why}")]
    Start {
        /// As asked.
        instances: u32,
        /// wasmtime's words.
        why: String,
    },
    /// The cache folder cannot be used.
    #[error("the cache of compiled components at {}: {why}", folder.display())]
    Cache {
        /// The folder.
        folder: PathBuf,
        /// What is wrong with it, and what to do.
        why: String,
    },
}

/// Loads plugins and runs their sandboxes.
#[derive(Clone)]
pub struct Engine {
    pub(crate) wasmtime: wasmtime::Engine,
    pub(crate) cache: Option<Arc<Cache>>,
    pub(crate) places: Arc<Semaphore>,
    pub(crate) compiler: Option<Compiler>,
    pub(crate) compiling: Arc<Semaphore>,
    pub(crate) kv: Option<Arc<dyn Kv>>,
}

impl Engine {
    /// Makes an engine and starts its clock.
    ///
    /// # Errors
    ///
    /// If the pool does not fit into the address space, or the cache folder is not this user's.
    pub fn new(settings: &Settings) -> Result<Self, EngineError> {
        let failed = |why: wasmtime::Error| EngineError::Start {
            instances: settings.instances,
            why: format!("{why:#}"),
        };
        let wasmtime = wasmtime::Engine::new(&config(settings)).map_err(failed)?;
        let cache = match &settings.cache {
            Some(folder) => Some(Arc::new(Cache::open(folder, &wasmtime)?)),
            None => None,
        };
        start_clock(&wasmtime).map_err(|error| failed(error.into()))?;
        let places = Arc::new(Semaphore::new(settings.instances as usize));
        let (compiler, compiling) =
            (settings.compiler.clone(), Arc::new(Semaphore::new(COMPILERS)));
        let kv = settings.kv.clone();
        Ok(Self { wasmtime, cache, places, compiler, compiling, kv })
    }

    /// Sandboxes that could be made right now without waiting.
    pub fn free_places(&self) -> usize {
        self.places.available_permits()
    }
}

pub(crate) fn config(settings: &Settings) -> Config {
    let mut config = Config::new();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(settings)));
    config.epoch_interruption(true);
    config.memory_init_cow(true);
    // Calls are synchronous in the contract, so that dropping one at any await cancels it.
    // (Without the cargo feature for concurrent components this is the only way there is.)
    config.max_wasm_stack(settings.stack);
    config.async_stack_size(settings.stack + (512 << 10));
    // Features that no guest of ours needs are attack surface.
    config.wasm_relaxed_simd(false);
    config.wasm_memory64(false);
    config
}

fn pool(settings: &Settings) -> PoolingAllocationConfig {
    let instances = settings.instances;
    let mut pool = PoolingAllocationConfig::default();
    // A component of Rust is one or two core instances; those of interpreted languages hold
    // dozens of small ones, few of which exist at a time.
    pool.total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(20))
        .total_memories(instances.saturating_add(instances / 8 + 8))
        .total_tables(instances.saturating_mul(4))
        .total_stacks(instances)
        .max_core_instances_per_component(200)
        .max_memories_per_component(20)
        .max_tables_per_component(50)
        .table_elements(60_000)
        .max_component_instance_size(8 << 20)
        .max_core_instance_size(8 << 20)
        .max_memory_size(LARGEST_MEMORY);
    // What a sandbox touched is zeroed in place instead of being given back to the kernel:
    // `madvise` and `mprotect` take a lock of the whole process and interrupt the other cores.
    pool.linear_memory_keep_resident(4 << 20)
        .table_keep_resident(64 << 10)
        .async_stack_keep_resident(64 << 10)
        .pagemap_scan(Enabled::Auto);
    pool
}

/// Counts the ticks from a thread of the operating system. A task of the executor would not do:
/// a guest that spins can hold the very worker that drives the executor's timers.
fn start_clock(engine: &wasmtime::Engine) -> std::io::Result<()> {
    let engine = engine.weak();
    std::thread::Builder::new().name("sandbox-ticks".to_owned()).spawn(move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::park_timeout(TICK);
        }
    })?;
    Ok(())
}

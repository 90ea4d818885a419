//! How a plugin becomes the exports of a component: one macro, and what it needs at run time.
//!
//! Natively the macro does nothing, so that a plugin is an ordinary library to its tests.

/// Exports a type as the plugin of this crate: `export!(provider MyProvider)` or
/// `export!(policy MyPolicy)`, once.
#[macro_export]
macro_rules! export {
    (provider $plugin:ty) => {
        $crate::export!(@world provider export_provider $plugin);
    };
    (policy $plugin:ty) => {
        $crate::export!(@world policy export_policy $plugin);
    };
    (@world $world:ident $export:ident $plugin:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            impl $crate::export::Plugin for $plugin {
                fn slot() -> &'static ::std::sync::OnceLock<Self> {
                    static SLOT: ::std::sync::OnceLock<$plugin> = ::std::sync::OnceLock::new();
                    &SLOT
                }
            }
            type Exported = $crate::$world::Exported<$plugin>;
            $crate::bindings::$world::$export!(
                Exported with_types_in $crate::bindings::$world
            );
        };
    };
}

#[cfg(all(target_arch = "wasm32", any(feature = "provider", feature = "policy")))]
pub use guest::{Plugin, configure, configured, log_panics};

#[cfg(all(target_arch = "wasm32", any(feature = "provider", feature = "policy")))]
mod guest;

//! The world `provider-plugin`, generated. Authors use it through [`crate::provider`].
#![allow(unsafe_code, reason = "generated: the canonical ABI is pointers and lengths")]
#![allow(missing_docs, reason = "generated: what the contract documents is documented here too")]
#![allow(clippy::all, clippy::allow_attributes_without_reason, reason = "generated")]

wit_bindgen::generate!({
    path: "../../wit",
    world: "provider-plugin",
    generate_all,
    pub_export_macro: true,
    export_macro_name: "export_provider",
    default_bindings_module: "portcullis_sdk::bindings::provider",
    additional_derives: [PartialEq],
});

//! The world `policy-plugin`, generated. Authors use it through [`crate::policy`].
#![allow(unsafe_code, reason = "generated: the canonical ABI is pointers and lengths")]
#![allow(missing_docs, reason = "generated: what the contract documents is documented here too")]
#![allow(clippy::all, clippy::allow_attributes_without_reason, reason = "generated")]

wit_bindgen::generate!({
    path: "../../wit",
    world: "policy-plugin",
    generate_all,
    pub_export_macro: true,
    export_macro_name: "export_policy",
    default_bindings_module: "portcullis_sdk::bindings::policy",
    additional_derives: [PartialEq],
});

//! What others build on is explained where they look for it.

use super::{load, present};
use wit_parser::{Docs, Resolve, TypeDefKind};

#[test]
fn every_item_says_what_it_means() {
    let mut resolve = Resolve::default();
    load(&mut resolve, &present(), &|text| text).unwrap();
    let silent = silent(&resolve);
    assert!(silent.is_empty(), "without a word: {silent:#?}");
}

/// The items that have no documentation.
fn silent(resolve: &Resolve) -> Vec<String> {
    let mut silent = Vec::new();
    let mut check = |docs: &Docs, name: String| {
        if docs.contents.is_none() {
            silent.push(name);
        }
    };
    for (_, world) in &resolve.worlds {
        check(&world.docs, format!("world {}", world.name));
    }
    for (_, interface) in &resolve.interfaces {
        let within = interface.name.clone().unwrap_or_default();
        check(&interface.docs, format!("interface {within}"));
        for (name, function) in &interface.functions {
            check(&function.docs, format!("{within}.{name}"));
        }
    }
    for (_, item) in &resolve.types {
        let Some(name) = &item.name else { continue };
        match &item.kind {
            // Another interface's type by its own name, and the handle of a resource.
            TypeDefKind::Type(_) | TypeDefKind::Handle(_) => continue,
            TypeDefKind::Record(record) => {
                for field in &record.fields {
                    check(&field.docs, format!("{name}.{}", field.name));
                }
            }
            TypeDefKind::Variant(variant) => {
                for case in &variant.cases {
                    check(&case.docs, format!("{name}.{}", case.name));
                }
            }
            TypeDefKind::Enum(cases) => {
                for case in &cases.cases {
                    check(&case.docs, format!("{name}.{}", case.name));
                }
            }
            _ => {}
        }
        check(&item.docs, name.clone());
    }
    silent
}

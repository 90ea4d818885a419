//! Copies of requests, for candidates that are to be seen at work before anybody depends on them.
//!
//! A copy has a record of its own, with what it cost, and nothing else in common with the request
//! that it is a copy of: no client waits for it, and what fails in it fails alone. It goes where a
//! policy may send the request itself, and nowhere else.

use crate::cache::Keep;
use crate::deployment::Deployment;
use crate::gateway::{Gateway, Permit};
use crate::limits::Asker;
use crate::limits::admit::admit;
use crate::plan::Plan;
use crate::record::Entry;
use crate::request::Request;
use crate::route::Target;
use crate::{execute, respond};
use http_body_util::BodyExt as _;
use std::sync::Arc;
use std::time::Instant;

/// Sends the copy that the plan wants, unless too many are under way.
pub fn cast(
    gateway: &Gateway,
    deployment: &Arc<Deployment>,
    request: &Arc<Request>,
    target: &Target,
    plan: &Plan,
    entry: &mut Entry,
) {
    let Some(candidate) = &plan.shadow else { return };
    let Some(permit) = gateway.shadow() else {
        entry.remarks.push("no shadow: too many are under way".to_owned());
        return;
    };
    let plan = plan.shadow_of(candidate);
    let mut copy = Entry::open(&gateway.records, request, &entry.route, Instant::now());
    copy.shadow = true;
    copy.observers.clone_from(&entry.observers);
    copy.planned(&plan);
    let (request, target) = (request.clone(), target.clone());
    tokio::spawn(run(deployment.clone(), request, target, plan, copy, permit));
}

async fn run(
    deployment: Arc<Deployment>,
    request: Arc<Request>,
    target: Target,
    mut plan: Plan,
    mut entry: Entry,
    permit: Permit,
) {
    let limits = &deployment.limits;
    let admitted = admit(limits, &request, &target, Asker::Operator, &mut plan, &mut entry).await;
    if let Err(failure) = admitted {
        return entry.fail(&failure);
    }
    match execute::run(&deployment.providers, &request, &plan, &mut entry).await {
        Ok((candidate, answered)) => {
            let response =
                respond::answer(&request, candidate, answered, entry, permit, Keep::default());
            let mut body = response.into_body();
            // Read to its end, so that what it used is known.
            while body.frame().await.is_some() {}
        }
        Err(failure) => entry.fail(&failure),
    }
}

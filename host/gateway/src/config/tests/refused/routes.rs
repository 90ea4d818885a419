//! Routes, and the policies and candidates that they name.

use super::check;

#[test]
fn policies_and_routes() {
    check(
        "HOUSE\n[policies.p]\n",
        &["2:11: [policies.p] has no `plugin`; expected the name of a bundled plugin"],
    );
    check(
        "HOUSE\n[policies.first]\nplugin = \"chat\"\n[routes.r]\npolicies = [\"frist\", \"second\"]\ncandidates = [\"house/*\"]",
        &[
            "5:13: [routes.r] there is no policy `frist`; did you mean `first`?",
            "5:22: [routes.r] there is no policy `second`; policies: first, priority",
        ],
    );
    check(
        "HOUSE\n[routes.r]\n",
        &["2:9: [routes.r] has no `candidates`; expected a list such as [\"provider/*\"]"],
    );
    check(
        "HOUSE\n[routes.r]\ncandidates = []",
        &[
            "3:14: [routes.r] `candidates` is empty; expected such as \"provider/model\" or \"provider/*\"",
        ],
    );
    check(
        "HOUSE\n[routes.auto]\ncandidates = [\"house/*\"]",
        &["2:9: [routes.auto] cannot be: `auto` is how a client asks for [routes.default]"],
    );
    check(
        "HOUSE\n[routes.r]\ncandidates = [\"m1\", \"house/m9\", \"house/x*\", \"hose/m1\", \"*/x\", \"x*\"]",
        &[
            "3:15: [routes.r] candidate `m1` is not of the form provider/model",
            "3:21: [routes.r] candidate `house/m9` does not exist; provider `house` has: m1, m2",
            "3:33: [routes.r] candidate `house/x*` matches no model; provider `house` has: m1, m2",
            "3:45: [routes.r] candidate `hose/m1` does not exist: there is no provider `hose`; did you mean `house`?",
            "3:56: [routes.r] candidate `*/x` matches no model",
            "3:63: [routes.r] candidate `x*` matches no model",
        ],
    );
    check(
        "providers.x = { plugin = \"chat\", base_url = \"http://[::1]/\" }\nroutes.r.candidates = [\"x/*\"]",
        &[
            "2:24: [routes.r] candidate `x/*` matches no model: provider `x` lists none; list them in its `models`, or name them here",
        ],
    );
}

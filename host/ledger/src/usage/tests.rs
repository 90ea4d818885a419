//! What was used is found again, by whatever is asked.

use super::{Column, Question, Sums, Usage, write};
use crate::Ledger;
use crate::store::StoreError;
use crate::store::tests::on_both;
use crate::store::transact;

const HOUR: i64 = 3_600_000;

async fn written(ledger: &Ledger, entries: &[(u64, Usage)]) -> Result<(), StoreError> {
    transact!(ledger.store, |transaction| write(transaction, "p", entries))
}

fn entry(at: i64, [tenant, model, end]: [&str; 3], number: i64) -> Usage {
    Usage {
        at,
        tenant: tenant.to_owned(),
        model: model.to_owned(),
        end: end.to_owned(),
        tokens_in: number,
        tokens_out: 2 * number,
        tokens_cached: 3 * number,
        tokens_cache_write: 4 * number,
        tokens_reasoning: 5 * number,
        audio_ms: 6 * number,
        nanodollars: 7 * number,
        estimated: number % 2 == 1,
        labels: "{\"a\":\"b\0\"}".to_owned(),
        ..Usage::default()
    }
}

fn sums(of: &[&str], requests: i64, number: i64, estimated: i64) -> Sums {
    Sums {
        of: of.iter().map(|&text| text.to_owned()).collect(),
        requests,
        tokens_in: number,
        tokens_out: 2 * number,
        tokens_cached: 3 * number,
        tokens_cache_write: 4 * number,
        tokens_reasoning: 5 * number,
        audio_ms: 6 * number,
        nanodollars: 7 * number,
        estimated,
    }
}

#[tokio::test]
async fn sums_are_by_what_is_asked_over_whole_hours_and_parts_of_them() {
    on_both(async |ledger| {
        let entries = [
            entry(HOUR, ["t", "m", "finished"], 1),
            entry(HOUR + 1, ["t", "m", "finished"], 10),
            entry(HOUR + 2, ["t", "n", "failed"], 100),
            entry(2 * HOUR - 1, ["u", "m", "finished"], 1_000),
            entry(2 * HOUR, ["u", "m", "finished"], 10_000),
        ];
        let numbered: Vec<(u64, Usage)> = (0..).zip(entries).collect();
        written(&ledger, &numbered[..2]).await.unwrap();
        written(&ledger, &numbered[2..]).await.unwrap();
        let ask = async |from, to, by: &[Column], only: &[(Column, &str)]| {
            let only = only.iter().map(|(column, text)| (*column, (*text).to_owned())).collect();
            let question = Question { from, to, by: by.to_vec(), only };
            ledger.usage(&question).await.unwrap()
        };
        let all = ask(0, 3 * HOUR, &[], &[]).await;
        assert_eq!(all, [sums(&[], 5, 11_111, 1)]);
        let by = [Column::Model, Column::Tenant];
        let expected = [
            sums(&["m", "t"], 2, 11, 1),
            sums(&["n", "t"], 1, 100, 0),
            sums(&["m", "u"], 1, 1_000, 0),
        ];
        assert_eq!(ask(HOUR, 2 * HOUR, &by, &[]).await, expected);
        let part = [sums(&["m", "t"], 1, 10, 0), sums(&["n", "t"], 1, 100, 0)];
        assert_eq!(ask(HOUR + 1, 2 * HOUR - 1, &by, &[]).await, part);
        let only = [(Column::Tenant, "u"), (Column::End, "finished")];
        for from in [HOUR, HOUR + 1] {
            let end = [sums(&["finished"], 2, 11_000, 0)];
            assert_eq!(ask(from, 3 * HOUR, &[Column::End], &only).await, end);
        }
        assert_eq!(ask(5 * HOUR, 6 * HOUR, &by, &[]).await, []);
    })
    .await;
}

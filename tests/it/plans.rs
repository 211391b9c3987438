//! How PostgreSQL goes about what couriers ask of an outbox that is full: by indexes, and without reading what is of no use to them.

use nadhir::outbox::share::{End, Hand, Landed};
use nadhir::outbox::{Outcome, Settlement};
use nadhir::store::{Fanout as _, Ledger as _, Outbox as _};
use nadhir::time::TimeDelta;

use super::postgres::{Elephant, open};
use super::stores::{LEASE, at, channel, delivered, said};

/// Two hundred thousand deliveries that are settled and twenty thousand that wait, of eight channels, and what four thousand
/// subscribers of the first have of them. Of each warning there are two editions; of those that wait a third is due.
const FULL: &str = "
SET search_path = nadhir;
INSERT INTO channels (id, name, audience) SELECT n, 'c' || n, 'public' FROM generate_series(1, 8) AS n;
INSERT INTO bulletins (id, number, edition, issued, json)
    SELECT number || '.' || edition, number, edition, $now - 1000000, '{}'
    FROM (SELECT 'MKH-2025-' || lpad(n::text, 6, '0') AS number FROM generate_series(1, 13750) AS n) AS numbers, generate_series(1, 2) AS edition;
INSERT INTO messages (id, key, bulletin, content_type, body, sha256)
    SELECT seq, id || '/text/ar+en', id, 'text/plain; charset=utf-8', convert_to('rain', 'UTF8'), sha256(convert_to('rain', 'UTF8'))
    FROM bulletins;
INSERT INTO deliveries (id, channel, message, number, edition, urgency, due, expires, attempts, standing, settled_at, note)
    SELECT 8 * b.seq + c.id, c.id, b.seq, b.number, b.edition, (b.seq % 7), $now - 600000, $now + 36000000, 1, 1, $now - 500000, '200 OK'
    FROM bulletins b, channels c WHERE b.seq <= 25000;
INSERT INTO deliveries (id, channel, message, number, edition, urgency, due, expires)
    SELECT 8 * b.seq + c.id, c.id, b.seq, b.number, b.edition, (b.seq % 7), $now + (b.seq % 3) * 60000, $now + 36000000
    FROM bulletins b, channels c WHERE 25000 < b.seq;
INSERT INTO subscribers (channel, name, url, wishes, state, made_at)
    SELECT 1, 's' || n, 'https://example.org/' || n, '{}', 1, 0 FROM generate_series(1, 4000) AS n;
INSERT INTO shares SELECT 8 * b.seq + 1, share, decode(repeat('01', 512), 'hex') FROM bulletins b, generate_series(0, 7) AS share
    WHERE b.seq <= 2000;
INSERT INTO debts SELECT 8 * b.seq + 1, n, 3, NULL, false, '503', 0 FROM bulletins b, generate_series(1, 400) AS n WHERE b.seq <= 100;
SELECT setval(pg_get_serial_sequence('deliveries', 'id'), 1000000), setval(pg_get_serial_sequence('messages', 'id'), 1000000),
    setval(pg_get_serial_sequence('bulletins', 'seq'), 1000000);
ANALYZE";

/// The most rows that a step of a plan may read or throw away: far above what is handed out at once, far below what is kept.
const MOST: u64 = 6_000;

/// The number behind a word of a line of a plan.
fn number(line: &str, word: &str) -> Option<u64> {
    let digits: String = line.split_once(word)?.1.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// What is wrong with a plan: tables that were read from end to end, and more rows than were of use.
fn faults(plan: &str) -> Vec<String> {
    let full = ["deliveries", "messages", "bulletins", "subscribers", "shares", "debts"];
    let mut loops = 1;
    let mut faults = Vec::new();
    for line in plan.lines() {
        loops = number(line, "loops=").unwrap_or(loops);
        let of_each = number(line, "actual rows=").or_else(|| number(line, "Rows Removed by Filter: ")).unwrap_or(0);
        let is_whole = full.iter().any(|table| line.contains(&format!("Seq Scan on {table}")));
        if is_whole && !line.contains("(never executed)") || MOST < of_each * loops {
            faults.push(line.trim().to_owned());
        }
    }
    faults
}

#[tokio::test]
async fn what_couriers_ask_of_a_full_outbox_is_found_by_indexes() {
    let elephant = Elephant::shared();
    let database = elephant.database();
    let url = elephant.url(&database);
    let lease = open(&url).await.lead(at(0)).await.unwrap();
    elephant.psql(&database, &FULL.replace("$now", &at(0).timestamp_millis().to_string())).unwrap();
    elephant.watch(&database);
    let store = open(&url).await;
    // Often enough that the server has settled on plans for all values.
    for round in 0..12 {
        let now = at(60 * round);
        store
            .commit(lease, said(u64::try_from(round).unwrap(), &format!("NEW-2025-{round:06}"), 1, &["c2", "c3"]))
            .await
            .unwrap();
        for name in ["c1", "c2", "c3"] {
            assert!(store.next_due(channel(name)).await.unwrap().is_some());
            let claimed = store.claim(channel(name), 16, now, LEASE).await.unwrap();
            assert_eq!(claimed.len(), 16, "{name} in round {round}");
            let (first, others) = claimed.split_first().unwrap();
            if name == "c1" {
                for is_correction in [false, true] {
                    let share = store.share(Hand::of(first), None, now, is_correction).await.unwrap();
                    assert!(share.number.is_some());
                }
                let again = |subscriber| End::Again {
                    tries: subscriber,
                    due: now + TimeDelta::minutes(1),
                    why: "503".to_owned(),
                    may_have: false,
                };
                let landed = |subscriber: u32, end| Landed {
                    hand: Hand::of(first),
                    subscriber: i64::from(subscriber),
                    tried_before: 0,
                    end,
                    at: now,
                };
                let landed = (1..40).map(|one| landed(one, if one % 2 == 0 { End::Told } else { again(one) }));
                assert_eq!(store.settle_shares(landed.collect()).await.unwrap(), 39);
                assert_eq!(store.count_shares(first.id).await.unwrap().told, 19);
            }
            let again = Outcome::Again { due: now + TimeDelta::minutes(2), why: "503".to_owned() };
            let mut settlements = vec![Settlement { id: first.id, token: first.token, outcome: again, at: now }];
            // What a courier does not settle is released to others when its lease has run out.
            let settled = if name == "c3" { others.len() / 2 } else { others.len() };
            settlements.extend(others.iter().take(settled).map(delivered));
            assert_eq!(store.settle(settlements).await.unwrap(), 1 + settled);
        }
    }
    let plans = elephant.plans(&database);
    for statement in [
        "FOR UPDATE OF d SKIP LOCKED",
        "SELECT max(urgency)",
        "INSERT INTO shares",
        "SET standing = $3",
        "FROM debts",
        "CASE WHEN is_last THEN $3",
        "a newer edition arrived first",
    ] {
        assert!(plans.iter().any(|plan| plan.contains(statement)), "{statement} was not seen in {} plans", plans.len());
    }
    let mut faulty: Vec<(Vec<String>, &String)> = plans.iter().map(|plan| (faults(plan), plan)).collect();
    faulty.retain(|(faults, _)| !faults.is_empty());
    let shown: Vec<String> = faulty.iter().map(|(faults, plan)| format!("{faults:#?}\n{plan}")).collect();
    assert!(shown.is_empty(), "{} of {} plans:\n{}", shown.len(), plans.len(), shown.join("\n"));
}

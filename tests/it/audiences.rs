//! Channels that are given to another audience under the same name, and those that are spared what they know, as every store has to
//! take it.

use nadhir::ids::ChannelId;
use nadhir::outbox::{Outcome, Settlement, Standing};
use nadhir::route::Audience;
use nadhir::store::{Commit, Readdressed, StoreError};

use super::stores::{LEASE, again, at, channel, delivered, on_every_store, rows, said, standings};

fn listening(audience: Audience) -> Vec<(ChannelId, Audience)> {
    vec![(channel("desk"), audience)]
}

#[tokio::test]
async fn what_is_owed_to_an_audience_is_not_handed_to_another_under_the_same_name() {
    use Audience::{Public, Staff};
    on_every_store(|store| async move {
        let lease = store.lead(at(0)).await.unwrap();
        assert_eq!(store.readdress(lease, listening(Staff), at(0)).await.unwrap(), []);
        store.commit(lease, said(0, "MKH-2025-000001", 1, &["desk", "other"])).await.unwrap();
        assert_eq!(store.readdress(lease, listening(Staff), at(1)).await.unwrap(), [], "nothing has changed");
        let told = store.readdress(lease, listening(Public), at(2)).await.unwrap();
        let expected = Readdressed { channel: channel("desk"), from: Staff, to: Public, ended: 1, on_their_way: 0 };
        assert_eq!(told, [expected]);
        assert_eq!(store.claim(channel("desk"), 8, at(3), LEASE).await.unwrap(), []);
        // There and back brings nothing to life, and what others are owed stays.
        assert_eq!(store.readdress(lease, listening(Staff), at(4)).await.unwrap()[0].ended, 0);
        assert_eq!(store.claim(channel("desk"), 8, at(5), LEASE).await.unwrap(), []);
        assert_eq!(standings(&*store, "other").await, [Standing::Owed]);
        let row = rows(&*store, "desk").await.remove(0);
        assert_eq!((row.standing, row.settled_at), (Standing::Superseded, Some(at(2))));
        assert_eq!(row.note.unwrap(), "it was meant for audience staff, and the channel is for public by now");
        store.commit(lease, said(1, "MKH-2025-000002", 1, &["desk"])).await.unwrap();
        let claimed = store.claim(channel("desk"), 8, at(6), LEASE).await.unwrap();
        assert_eq!((claimed.len(), claimed[0].audience), (1, Some(Staff)), "what is said from then on goes out");
        store.lead(at(7)).await.unwrap();
        let fenced = store.readdress(lease, listening(Public), at(8)).await;
        assert!(matches!(fenced, Err(StoreError::Fenced { .. })), "{fenced:?}");
    })
    .await;
}

#[tokio::test]
async fn what_is_on_its_way_to_another_audience_is_not_tried_again() {
    use Audience::{Public, Staff};
    for end in ["arrives", "fails", "is lost", "dies with its process"] {
        on_every_store(|store| async move {
            let lease = store.lead(at(0)).await.unwrap();
            store.readdress(lease, listening(Staff), at(0)).await.unwrap();
            store.commit(lease, said(0, "MKH-2025-000001", 1, &["desk"])).await.unwrap();
            let held = store.claim(channel("desk"), 8, at(1), LEASE).await.unwrap();
            let told = store.readdress(lease, listening(Public), at(2)).await.unwrap();
            assert_eq!((told[0].ended, told[0].on_their_way), (0, 1));
            match end {
                "arrives" => assert_eq!(store.settle(vec![delivered(&held[0])]).await.unwrap(), 1),
                "fails" => assert_eq!(store.settle(vec![again(&held[0], 3)]).await.unwrap(), 1),
                "is lost" => {}
                _ => drop(store.lead(at(3)).await.unwrap()),
            }
            assert_eq!(store.claim(channel("desk"), 8, at(200), LEASE).await.unwrap(), [], "{end}");
            assert_eq!(store.next_due(channel("desk")).await.unwrap(), None, "{end}");
            let expected = if end == "arrives" { Standing::Delivered } else { Standing::Superseded };
            assert_eq!(standings(&*store, "desk").await, [expected], "{end}");
        })
        .await;
    }
}

/// An edition in which nothing is new for the channels that have one from `since` on.
fn same(version: u64, edition: u32, since: u32, to: &[&str]) -> Commit {
    let mut commit = said(version, "MKH-2025-000001", edition, to);
    commit.deliveries.iter_mut().for_each(|owed| owed.terms.unless_has = Some(since));
    commit
}

#[tokio::test]
async fn what_has_nothing_new_is_spared_to_who_has_the_edition_before_and_to_nobody_else() {
    on_every_store(|store| async move {
        let lease = store.lead(at(0)).await.unwrap();
        let all = ["has", "waits", "tries", "lost", "came-later"];
        store.commit(lease, said(0, "MKH-2025-000001", 1, &all[..4])).await.unwrap();
        let claim = |name: &'static str, now| store.claim(channel(name), 8, at(now), LEASE);
        let held = claim("has", 1).await.unwrap();
        store.settle(vec![delivered(&held[0])]).await.unwrap();
        // One try is under way, one was given up, and one channel was not there yet.
        assert_eq!(claim("tries", 1).await.unwrap().len(), 1);
        let lost = claim("lost", 1).await.unwrap();
        let outcome = Outcome::Dead { why: "refused".to_owned() };
        store.settle(vec![Settlement { id: lost[0].id, token: lost[0].token, outcome, at: at(2) }]).await.unwrap();
        store.commit(lease, same(1, 2, 1, &all)).await.unwrap();
        let standing = |name: &'static str| standings(&*store, name);
        assert_eq!(standing("has").await, [Standing::Delivered], "it is spared");
        assert_eq!(standing("waits").await, [Standing::Superseded, Standing::Owed]);
        assert_eq!(standing("tries").await, [Standing::Owed, Standing::Owed]);
        assert_eq!(standing("lost").await, [Standing::Dead, Standing::Owed]);
        assert_eq!(standing("came-later").await, [Standing::Owed]);
        // The next one that has nothing new is spared as well; to whoever has only what is older than the last news it is not.
        store.commit(lease, same(2, 3, 1, &["has"])).await.unwrap();
        assert_eq!(standing("has").await, [Standing::Delivered]);
        store.commit(lease, same(3, 4, 2, &["has"])).await.unwrap();
        assert_eq!(standing("has").await, [Standing::Delivered, Standing::Owed]);
        // What is not sent yet is no edition that one stands by.
        store.commit(lease, same(4, 5, 1, &["has"])).await.unwrap();
        assert_eq!(standing("has").await, [Standing::Delivered, Standing::Superseded, Standing::Owed]);
    })
    .await;
}

//! Channels that are given to another audience under the same name, as every store has to take it.

use nadhir::ids::ChannelId;
use nadhir::outbox::Standing;
use nadhir::route::Audience;
use nadhir::store::{Readdressed, StoreError};

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

//! Questions to one peer.

use vote_network::RequestError;

use crate::host::two;

#[tokio::test]
async fn question_is_answered_and_one_that_is_dropped_fails() {
    let (a, mut b) = two().await;
    let asked = a.peer;
    let served = tokio::spawn(async move {
        let first = b.events.requests.recv().await.unwrap();
        assert_eq!(
            (first.from, first.data.as_slice()),
            (asked, b"why?".as_slice())
        );
        first.reply.send(b"because".to_vec());
        drop(b.events.requests.recv().await.unwrap());
        b
    });
    let peer = crate::host::id(2);
    assert_eq!(
        a.handle.request(peer, b"why?".to_vec()).await,
        Ok(b"because".to_vec())
    );
    assert!(matches!(
        a.handle.request(peer, b"again?".to_vec()).await,
        Err(RequestError::NoAnswer(_))
    ));
    drop(served.await.unwrap());
}

#[tokio::test]
async fn question_that_is_too_large_or_for_nobody_fails_at_once_and_harms_nothing() {
    let (a, mut b) = two().await;
    let large = a.handle.request(b.peer, vec![0; 2 << 20]).await;
    assert!(matches!(large, Err(RequestError::NoAnswer(_))), "{large:?}");
    let nobody = a.handle.request(crate::host::id(9), b"?".to_vec()).await;
    assert!(
        matches!(nobody, Err(RequestError::NoAnswer(_))),
        "{nobody:?}"
    );
    tokio::spawn(async move {
        while let Some(request) = b.events.requests.recv().await {
            request.reply.send(request.data);
        }
        drop(b.handle);
    });
    assert_eq!(
        a.handle
            .request(crate::host::id(2), b"still there?".to_vec())
            .await,
        Ok(b"still there?".to_vec())
    );
}

/// One peer may ask 200 times a second; what is beyond is dropped, and the peer that asks too much
/// sees it.
#[tokio::test]
async fn peer_that_asks_too_much_is_not_answered() {
    let (a, mut b) = two().await;
    tokio::spawn(async move {
        while let Some(request) = b.events.requests.recv().await {
            request.reply.send(Vec::new());
        }
        drop(b.handle);
    });
    let ask = |_| {
        let handle = a.handle.clone();
        tokio::spawn(async move { handle.request(crate::host::id(2), Vec::new()).await.is_ok() })
    };
    let mut answered = 0;
    let asked: Vec<_> = (0..1500).map(ask).collect();
    for task in asked {
        answered += usize::from(task.await.unwrap());
    }
    assert!(
        (100..1500).contains(&answered),
        "{answered} of 1500 were answered"
    );
}

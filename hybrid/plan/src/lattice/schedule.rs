//! In which order a client sends the inputs of layers under encryption and takes their replies.
//!
//! Masks are fixed ahead for all layers, so nothing that is sent waits for a reply. The server multiplies one layer while the
//! inputs of later ones are on their way; what is under way is bounded, and so is what either party has to keep meanwhile.

/// Bytes that may be under way: inputs that were sent, and the replies to them that were not taken yet. One layer alone may exceed
/// this.
pub const AHEAD: u64 = 32 << 20;

/// What the client does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// Encrypts and sends the inputs of a layer.
    Send(usize),
    /// Takes and decrypts the replies of a layer.
    Take(usize),
}

/// The client's moves for layers that take so many bytes, both directions together. The server follows layer by layer.
#[must_use]
pub fn moves(bytes: &[u64]) -> Vec<Move> {
    let mut moves = Vec::with_capacity(2 * bytes.len());
    let mut under_way = 0u64;
    let mut rest = bytes.iter().copied().enumerate().peekable();
    for (taken, own) in bytes.iter().enumerate() {
        let fits = |&(at, next): &(usize, u64), under_way: u64| {
            at <= taken || under_way.saturating_add(next) <= AHEAD
        };
        while let Some((at, next)) = rest.next_if(|layer| fits(layer, under_way)) {
            moves.push(Move::Send(at));
            under_way = under_way.saturating_add(next);
        }
        moves.push(Move::Take(taken));
        under_way = under_way.saturating_sub(*own);
    }
    moves
}

/// The longest chain of messages that wait for each other in these moves.
#[must_use]
pub fn flights(moves: &[Move]) -> u32 {
    let mut now = 0;
    let mut sent = Vec::new();
    for step in moves {
        match step {
            Move::Send(_) => sent.push(now),
            Move::Take(layer) => {
                let answered = sent.get(*layer).map_or(now, |sent| sent + 2);
                now = now.max(answered);
            }
        }
    }
    now
}

/// The most bytes that are under way at a time.
#[must_use]
pub fn peak(bytes: &[u64]) -> u64 {
    let (mut now, mut peak) = (0u64, 0);
    for step in moves(bytes) {
        match step {
            Move::Send(at) => now += bytes.get(at).copied().unwrap_or(0),
            Move::Take(at) => now -= bytes.get(at).copied().unwrap_or(0),
        }
        peak = peak.max(now);
    }
    peak
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_sent_at_once() {
        let small = [1000; 5];
        let all = moves(&small);
        assert_eq!(all.iter().position(|m| *m == Move::Take(0)), Some(5));
        assert_eq!(all.len(), 10);
        assert_eq!(flights(&all), 2);
        assert_eq!(peak(&small), 5000);
        assert!(moves(&[]).is_empty());
        assert_eq!(flights(&[]), 0);
    }

    #[test]
    fn layers_above_the_bound_go_one_by_one() {
        let large = [AHEAD + 1; 3];
        let expected = [0, 1, 2].map(|i| [Move::Send(i), Move::Take(i)]);
        assert_eq!(moves(&large), expected.concat());
        assert_eq!(flights(&moves(&large)), 6);
        assert_eq!(peak(&large), AHEAD + 1);
    }

    #[test]
    fn each_layer_is_sent_before_it_is_taken_and_little_is_under_way() {
        let mut state = 5u64;
        for _ in 0..200 {
            let bytes: Vec<u64> = (0..40)
                .map(|_| {
                    state = state.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(1);
                    (state >> 40) * 3
                })
                .collect();
            let all = moves(&bytes);
            let mut sent = 0;
            for (place, step) in all.iter().enumerate() {
                match step {
                    Move::Send(at) => {
                        assert_eq!(*at, sent);
                        sent += 1;
                    }
                    Move::Take(at) => {
                        let before = all.iter().take(place);
                        let taken = before.filter(|m| matches!(m, Move::Take(_))).count();
                        assert!(*at < sent && *at == taken);
                    }
                }
            }
            assert_eq!(all.len(), 2 * bytes.len());
            let most = bytes.iter().copied().max().unwrap_or(0);
            assert!(peak(&bytes) <= AHEAD.max(most));
            assert!((2..=2 * 40).contains(&flights(&all)));
        }
    }
}

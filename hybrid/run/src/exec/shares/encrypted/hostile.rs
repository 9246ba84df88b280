//! Hostile peers at products under encryption: every message cut short, too long, with flipped bits, and in another's place.
//!
//! Ciphertexts are not authenticated: most changes decrypt to something else, which semi-honest security allows. What must hold:
//! no panic, no byte asked for beyond the plan's, and an error that says whose fault it is where a message can be told to be wrong. All of it
//! twice: prepared for all layers at once, and layer by layer where nothing is prepared.

use privet_model::quant::ir::Model;
use privet_net::Session;
use privet_plan::{Backend, PlanOptions};
use privet_prim::Block;

use super::super::material::prepare::{Masks, masks};
use super::super::words::low;
use super::*;

/// Residues and free coefficients of the largest parameter set's numbers fit into so many bytes.
const COEFFICIENT: usize = 19;

struct Field {
    model: Model,
    plan: Plan,
    /// What the client sent, and what the server did.
    sent: [Vec<u8>; 2],
    /// Where messages begin in them.
    starts: [Vec<usize>; 2],
}

type Outcome = Result<Vec<Share>, RunError>;

/// Runs a party on its end of a session.
fn run(plan: &Plan, side: Owner<'_>, session: &mut Session, masks: &mut Masks) -> Outcome {
    let channel = session.lane(0)?;
    let shares = if plan.options.all_online {
        by_layer(plan, side, channel, masks)
    } else {
        prepare(plan, side, (&mut *channel, None), masks)
    };
    channel.flush()?;
    shares
}

/// Layer after layer, each with its input in place of a mask.
fn by_layer(plan: &Plan, side: Owner<'_>, channel: &mut Channel, inputs: &Masks) -> Outcome {
    let mut made = Layers::set_up(plan, side, None, channel)?.expect("layers under encryption");
    let steps = plan.steps.iter().filter_map(Step::under_encryption);
    let unknown = Words::zeros(1, 0);
    steps
        .map(|(linear, lattice)| {
            let input = inputs.get(&linear.input).unwrap_or(&unknown);
            made.multiply(channel, (linear, lattice), input)
        })
        .collect()
}

/// What the layers read: masks, or the client's shares that stand for them.
fn drawn(plan: &Plan, side: Owner<'_>) -> Masks {
    if !plan.options.all_online {
        return masks(plan, side).unwrap();
    }
    let mut inputs = Masks::new();
    if let Owner::Client = side {
        for (linear, _) in plan.steps.iter().filter_map(Step::under_encryption) {
            let planned = plan.buffers[linear.input.0 as usize];
            inputs
                .entry(linear.input)
                .or_insert_with(|| Words::random(planned.bits, planned.elements));
        }
    }
    inputs
}

impl Field {
    fn new(model: Model, all_online: bool) -> Self {
        let options = PlanOptions {
            backend: Backend::Hybrid,
            all_online,
            ..PlanOptions::default()
        };
        let plan = Plan::new(model.graph.clone(), options, 1 << 30).unwrap();
        let mut field = Self {
            model,
            plan,
            sent: Default::default(),
            starts: Default::default(),
        };
        let (mut ours, mut theirs) = Session::pair(1);
        ours.lane(0).unwrap().start_recording();
        theirs.lane(0).unwrap().start_recording();
        let mut drawn = drawn(&field.plan, Owner::Client);
        let (client, server) = std::thread::scope(|scope| {
            let server = scope.spawn(|| {
                run(
                    &field.plan,
                    Owner::Server(&field.model),
                    &mut theirs,
                    &mut Masks::new(),
                )
            });
            let client = run(&field.plan, Owner::Client, &mut ours, &mut drawn);
            (client.unwrap(), server.join().unwrap().unwrap())
        });
        field.adds_up(&drawn, (&client, &server));
        let up = theirs.lane(0).unwrap().take_recording().concat();
        field.sent = [up, ours.lane(0).unwrap().take_recording().concat()];
        field.find_starts();
        field
    }

    /// An honest run gives shares of W·r.
    fn adds_up(&self, drawn: &Masks, (client, server): (&[Share], &[Share])) {
        let layers = layers(&self.plan).unwrap();
        assert_eq!([client.len(), server.len()], [layers.len(); 2]);
        for ((planned, client), server) in layers.iter().zip(client).zip(server) {
            let node = &self.plan.graph.nodes[planned.node];
            let geometry = share::geometry(&self.plan.graph, node).unwrap();
            let params = self.model.params[planned.node].as_ref().unwrap();
            let bits = planned.layer.bits;
            let ring = Ring::new(bits).unwrap();
            let expected = geometry
                .multiply(ring, &params.weights, &drawn[&planned.input].values)
                .unwrap();
            let sums = client.iter().zip(server.iter());
            let sums: Vec<u64> = sums.map(|(c, s)| c.wrapping_add(*s) & low(bits)).collect();
            let expected: Vec<u64> = expected.iter().map(|x| x & low(bits)).collect();
            assert_eq!(sums, expected);
        }
    }

    fn find_starts(&mut self) {
        let layers = layers(&self.plan).unwrap();
        let number = |bytes: u64| usize::try_from(bytes).unwrap();
        let key = number(layers[0].layer.lattice.set.key_bytes());
        let (mut up, mut down) = (vec![0, key], vec![0]);
        for planned in &layers {
            for uploads in planned.layer.messages() {
                let bytes = planned.layer.message_bytes(&uploads);
                up.push(up.last().unwrap() + bytes);
            }
            for reply in planned
                .layer
                .replies(0..planned.layer.packing.outputs())
                .unwrap()
            {
                let bytes = planned.layer.lattice.output_bytes(reply.wanted.len());
                down.push(down.last().unwrap() + number(bytes));
            }
        }
        assert_eq!(up.pop(), Some(self.sent[0].len()));
        assert_eq!(down.pop(), Some(self.sent[1].len()));
        self.starts = [up, down];
    }

    /// A party against bytes in place of what the other one (0: the client) sent.
    fn attack(&self, from: usize, bytes: &[u8]) -> Outcome {
        let (mut ours, mut theirs) = Session::pair(1);
        std::thread::scope(|scope| {
            let script = scope.spawn(move || {
                let channel = theirs.lane(0).unwrap();
                // The party may have ended the session.
                drop(channel.send(bytes).and_then(|()| channel.flush()));
                // Who has said all waits; who has not ends the session.
                (bytes.len() >= self.sent[from].len()).then_some(theirs)
            });
            let side = if from == 0 {
                Owner::Server(&self.model)
            } else {
                Owner::Client
            };
            let mut drawn = drawn(&self.plan, side);
            let outcome = run(&self.plan, side, &mut ours, &mut drawn);
            let asked = ours.lane(0).unwrap().stats().total().received_bytes;
            assert!(asked <= self.sent[from].len() as u64, "{asked} bytes");
            drop((ours, script.join().unwrap()));
            outcome
        })
    }

    /// The peer's fault, if it can be seen: its name, on one line.
    fn blamed(outcome: &Outcome) -> Option<String> {
        let line = outcome.as_ref().err()?.to_string();
        assert!(line.contains("peer") && !line.contains('\n'), "{line}");
        Some(line)
    }
}

/// Small networks, those with the most layers under encryption.
fn fields() -> Vec<Field> {
    let vectors = privet_model::quant::vectors();
    let layers = |model: &Model| {
        let nodes = model.graph.nodes.iter();
        nodes.filter(|node| node.op.weight_bits().is_some()).count()
    };
    let most = vectors.iter().map(|v| layers(&v.model)).max().unwrap();
    let mut many = vectors.into_iter().filter(|v| layers(&v.model) == most);
    let both = |model: Model| [false, true].map(|online| Field::new(model.clone(), online));
    many.by_ref().take(3).flat_map(|v| both(v.model)).collect()
}

#[test]
fn what_is_cut_short_is_the_peers_fault() {
    for field in fields() {
        for (from, sent) in field.sent.iter().enumerate() {
            let starts = field.starts[from].iter();
            let ends = starts.flat_map(|at| [*at, at + 1, at + 15, at + 16, at + 17]);
            for end in ends.chain([sent.len() - 1]) {
                let outcome = field.attack(from, &sent[..end]);
                assert!(Field::blamed(&outcome).is_some(), "{from} {end}");
            }
        }
    }
}

#[test]
fn what_is_too_long_is_not_read() {
    for field in fields() {
        for (from, sent) in field.sent.iter().enumerate() {
            let longer = [&sent[..], &[1; 70_000]].concat();
            assert!(field.attack(from, &longer).is_ok());
            // One coefficient more or less amid a message: what follows is another number.
            for start in &field.starts[from] {
                let at = start + 40;
                let more = [&sent[..at], &sent[at - COEFFICIENT..]].concat();
                Field::blamed(&field.attack(from, &more));
                let less = [&sent[..at], &sent[at + COEFFICIENT..]].concat();
                assert!(Field::blamed(&field.attack(from, &less)).is_some());
            }
        }
    }
}

#[test]
fn flipped_bits_are_another_number_or_the_peers_fault() {
    let mut prg = privet_prim::Prg::new(Block::from(9));
    for field in fields() {
        for (from, sent) in field.sent.iter().enumerate() {
            let mut seen = Vec::new();
            let ends = field.starts[from].iter().copied().skip(1);
            let ends = ends.chain([sent.len()]);
            for (start, end) in field.starts[from].iter().zip(ends) {
                let mut places = vec![*start, start + 15, start + 16, start + 28, end - 1];
                let len = end - start;
                let mut any = || usize::try_from(prg.next_u64() >> 32).unwrap() % len;
                places.extend((0..6).map(|_| start + any()));
                for place in places {
                    let mut bytes = sent.clone();
                    bytes[place] ^= 1 << (prg.next_u64() % 8);
                    seen.extend(Field::blamed(&field.attack(from, &bytes)));
                }
                let mut bytes = sent.clone();
                bytes[*start..end].fill(0xff);
                seen.extend(Field::blamed(&field.attack(from, &bytes)));
                bytes[*start..end].fill(0);
                seen.extend(Field::blamed(&field.attack(from, &bytes)));
            }
            // Replies have a format that all bits fit, but for those that fill up their last byte.
            if from == 0 {
                assert!(seen.iter().any(|line| line.contains("no residue")));
            }
        }
    }
}

#[test]
fn replayed_messages_are_another_number_or_the_peers_fault() {
    for field in fields() {
        for (from, sent) in field.sent.iter().enumerate() {
            let starts = &field.starts[from];
            for (first, second) in starts.iter().zip(starts.iter().skip(1)) {
                let again = [&sent[..*second], &sent[*first..]].concat();
                Field::blamed(&field.attack(from, &again));
            }
            // All of it by a party of another preparation: other keys, nothing to be told apart by.
            assert!(field.attack(from, sent).is_ok());
        }
    }
}

/// A plan whose classes are not the network's: the server multiplies nothing, and the client hears why.
#[test]
fn weights_above_their_public_class_are_refused_and_the_client_is_told() {
    let vectors = privet_model::quant::vectors();
    let layers = |model: &Model| {
        let nodes = model.graph.nodes.iter();
        nodes.filter(|node| node.op.weight_bits().is_some()).count()
    };
    let most = vectors.iter().max_by_key(|v| layers(&v.model)).unwrap();
    let mut model = most.model.clone();
    let heavy = model.params.iter_mut().flatten();
    let heavy = heavy.filter(|params| !params.weights.is_empty()).last();
    heavy.unwrap().weights[0] = 1 << 20;
    for all_online in [false, true] {
        let options = PlanOptions {
            backend: Backend::Hybrid,
            norms: vec![privet_plan::NormClass::of_log2(1.0).unwrap(); layers(&model)],
            all_online,
            ..PlanOptions::default()
        };
        let plan = Plan::new(model.graph.clone(), options, 1 << 30).unwrap();
        let (mut ours, mut theirs) = Session::pair(1);
        let (client, server) = std::thread::scope(|scope| {
            let server = scope.spawn(|| {
                let owner = Owner::Server(&model);
                run(&plan, owner, &mut theirs, &mut Masks::new())
            });
            let mut inputs = drawn(&plan, Owner::Client);
            let client = run(&plan, Owner::Client, &mut ours, &mut inputs);
            (client, server.join().unwrap())
        });
        let server = server.unwrap_err();
        assert!(matches!(server, RunError::Incompatible(_)), "{server:?}");
        let client = client.unwrap_err();
        assert!(matches!(client, RunError::Net(_)), "{client:?}");
        let line = client.to_string();
        assert!(line.contains("exceed the norm class"), "{line}");
    }
}

//! Runs a model privately between two threads and returns what both sides saw.

use privet_model::quant::ir::Model;
use privet_net::Session;
use privet_plan::{Backend, Choice, Comparison, LinkModel, Party, Plan, Reveal};
use privet_run::server::Offered;
use privet_run::{Answer, Client, ClientOptions, Report, RunError, ServerOptions, Silent};

/// How to run.
#[derive(Clone, Copy)]
pub(crate) struct Setting {
    pub(crate) backend: Backend,
    pub(crate) comparison: Choice<Comparison>,
    pub(crate) reveal: Reveal,
    pub(crate) garbler: Party,
    pub(crate) lanes: usize,
    /// The link that the server plans for.
    pub(crate) link: LinkModel,
    /// Who asks for the largest parameters under encryption.
    pub(crate) strict: &'static [Party],
    /// The client asks that nothing be prepared.
    pub(crate) all_online: bool,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            backend: Backend::Gc,
            comparison: Choice::Auto,
            reveal: Reveal::Logits,
            garbler: Party::Server,
            lanes: 1,
            link: LinkModel::LOOPBACK,
            strict: &[],
            all_online: false,
        }
    }
}

/// The backends that a setting can run on: those on shares want a garbling server.
pub(crate) fn backends(setting: Setting) -> impl Iterator<Item = Setting> {
    Backend::ALL
        .into_iter()
        .filter(move |backend| !backend.shares() || setting.garbler == Party::Server)
        .map(move |backend| Setting { backend, ..setting })
}

/// Answers and reports for several inputs in one session.
pub(crate) fn run(
    model: &Model,
    inputs: &[Vec<i64>],
    setting: Setting,
) -> Result<(Vec<(Answer, Report)>, Plan), RunError> {
    let (ours, theirs) = Session::pair(setting.lanes);
    let offered = [Offered {
        model: model.clone(),
        id: [7; 16],
    }];
    std::thread::scope(|scope| {
        let server = scope.spawn(move || {
            let grants = ServerOptions {
                reveal: Reveal::Logits,
                client_may_garble: true,
                link: setting.link,
                strict: setting.strict.contains(&Party::Server),
                ..ServerOptions::default()
            };
            privet_run::serve(theirs, &offered, &grants, &mut Silent)
        });
        let wishes = ClientOptions {
            backend: Choice::Only(setting.backend),
            comparison: setting.comparison,
            reveal: setting.reveal,
            garbler: setting.garbler,
            strict: setting.strict.contains(&Party::Client),
            all_online: setting.all_online,
            ..ClientOptions::default()
        };
        let client = || {
            let mut client = Client::start(ours, &wishes)?;
            let answers = inputs
                .iter()
                .map(|input| client.infer_integers(input, &mut Silent))
                .collect::<Result<Vec<_>, _>>()?;
            let plan = client.plan().clone();
            client.finish()?;
            Ok((answers, plan))
        };
        let result = client();
        let served = server.join().unwrap();
        if result.is_ok() {
            let served = served.unwrap();
            assert_eq!(served.reports.len(), inputs.len());
        }
        result
    })
}

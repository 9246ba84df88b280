//! Material is prepared, listed, used by later sessions, and outlives both processes.

use super::rig::*;

#[test]
fn material_is_prepared_listed_used_and_discarded() {
    let scratch = Scratch::new("prepared");
    let ids = Identities::new(&scratch);
    let (model, digits) = (demo("digits.onnx"), demo("digits.idx"));
    let start = || {
        let grants = ["--insecure-verify", "--backend", "ot,gc+ot"];
        let model = ["--model", &model, "--data", &digits];
        Server::start(&ids, &[&model[..], &grants].concat())
    };
    let prepare = |server: &Server, args: &[&str]| {
        command(&["prepare", "--server", &server.address])
            .args([
                "--peer",
                &ids.server_print,
                "--identity",
                &ids.client,
                "--json",
            ])
            .args(args)
            .output()
            .unwrap()
    };
    let store = |who: &str, args: &[&str]| {
        let args = [&["store", "--identity", who, "--json"], args].concat();
        json_lines(&privet(&args)).pop().unwrap()
    };
    let ready = |who: &str| store(who, &[])["shelves"][0]["ready"].clone();

    let server = start();
    let made = json_lines(&prepare(&server, &["--count", "3"]));
    assert_eq!(made.len(), 3);
    assert!(made[0]["offline"]["bytes"].as_u64().unwrap() > 1000);
    let (code, line) = failure(&prepare(&server, &["--count", "1", "--backend", "gc"]));
    assert_eq!(code, 4, "{line}");
    drop(server);
    assert_eq!(
        (ready(&ids.client), ready(&ids.server)),
        (3.into(), 3.into())
    );

    // The model keeps its identity though the server started again.
    let mut server = start();
    let ask = |server: &Server, index: &str, backend: &str| {
        let args = ["--input", &digits, "--index", index, "--backend", backend];
        let mut client = server.client(&ids, &args);
        json_lines(
            &client
                .args(["--insecure-verify", "--json"])
                .output()
                .unwrap(),
        )
    };
    let lines = ask(&server, "0,1", "ot");
    for line in &lines {
        assert_eq!(
            (&line["prepared"], &line["exact"]),
            (&true.into(), &true.into())
        );
        let bytes = |part: &str| line[part]["bytes"].as_u64().unwrap();
        assert!(bytes("offline") > bytes("online"), "{line}");
        assert_eq!(line["bytes"], bytes("offline") + bytes("online"));
    }
    let told = server.line();
    assert_eq!(
        (&told["inputs"], &told["inputs_prepared"]),
        (&2.into(), &2.into())
    );
    assert_eq!(
        ask(&server, "2", "gc+ot")[0]["prepared"],
        false,
        "another plan"
    );
    let lines = ask(&server, "3,4", "ot");
    assert_eq!(
        (&lines[0]["prepared"], &lines[1]["prepared"]),
        (&true.into(), &false.into())
    );
    assert!(lines.iter().all(|line| line["exact"] == true));
    assert_eq!(json_lines(&prepare(&server, &["--count", "1"])).len(), 1);
    drop(server);

    let text_of = |args: &[&str]| text(&privet(args).stdout);
    let table = text_of(&["store", "--identity", &ids.client]);
    assert!(
        table.contains(&ids.server_print) && table.contains("digits"),
        "{table}"
    );
    let (code, _) = failure(&privet(&["store", "--discard", "--identity", &ids.client]));
    assert_eq!(code, 2);
    let gone = store(&ids.client, &["--discard", "--model-name", "digits"]);
    assert_eq!(gone["discarded"], 1);
    assert!(text_of(&["store", "--identity", &ids.client]).contains("nothing is prepared"));

    // One side lost its halves: the other's go when they meet.
    let server = start();
    assert_eq!(json_lines(&prepare(&server, &["--count", "1"])).len(), 1);
    drop(server);
    assert_eq!(
        (ready(&ids.client), ready(&ids.server)),
        (1.into(), 1.into())
    );
}

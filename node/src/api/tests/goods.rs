use super::super::described::tests::assert_is;
use super::*;

const PALLET: &str = "https://id.gs1.org/00/095213210000000018";

fn told(number: u32, time: &str, kind: &str, more: Value) -> Value {
    let mut event = json!({
        "type": kind,
        "eventID": event_id(number),
        "eventTime": format!("2026-03-{time}:00Z"),
        "eventTimeZoneOffset": "+00:00",
        "readPoint": {"id": "https://id.gs1.org/414/9521321000018"},
    });
    event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    event
}

fn thing(serial: u32) -> String {
    format!("https://id.gs1.org/01/09521321001015/21/{serial}")
}

fn path(of: &str, id: &str, more: &str) -> String {
    format!("/api/v1/{of}?id={}{more}", percent_encoded(id))
}

/// A lot is mixed into two things; one of them is packed and shipped, and somebody errs.
async fn story(api: &Api) -> u64 {
    let lot = |name: &str| format!("https://id.gs1.org/01/09521321001015/10/{name}");
    let first = [
        told(
            1,
            "01T08:00",
            "TransformationEvent",
            json!({
                "inputQuantityList": [{"epcClass": lot("raw"), "quantity": 12.5, "uom": "KGM"}],
                "outputEPCList": [thing(1), thing(2)]
            }),
        ),
        told(
            2,
            "01T09:00",
            "AggregationEvent",
            json!({
                "action": "ADD", "bizStep": "packing", "parentID": PALLET, "childEPCs": [thing(1)]
            }),
        ),
    ];
    assert_eq!(api.capture(&first, &[]).await["success"], true);
    let height = api.get("/api/v1/status").await.json()["height"].as_u64().unwrap();
    let shipped = told(
        3,
        "01T10:00",
        "ObjectEvent",
        json!({
            "action": "OBSERVE", "bizStep": "shipping", "disposition": "in_transit",
            "epcList": [PALLET],
            "destinationList": [
                {"type": "possessing_party", "destination": "https://id.gs1.org/417/9521321000025"}
            ]
        }),
    );
    let twice = told(
        4,
        "02T10:00",
        "ObjectEvent",
        json!({
            "action": "ADD", "bizStep": "commissioning", "epcList": [thing(2)]
        }),
    );
    assert_eq!(api.capture(&[shipped, twice.clone()], &[]).await["success"], true);
    let open = api.get(&path("items", &thing(2), "")).await.json();
    assert_eq!(open["anomalies"]["open"][0]["code"], "commissioned-twice", "{open}");
    let mut wrong = twice;
    wrong["errorDeclaration"] =
        json!({"declarationTime": "2026-03-03T00:00:00Z", "reason": "did_not_occur"});
    assert_eq!(api.capture(&[wrong], &[]).await["success"], true);
    height
}

/// Promise P44, P45 and P46, over HTTP.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_item_tells_what_is_known_and_which_event_says_so() {
    let api = Api::start().await;
    let before = story(&api).await;
    let item = api.get(&path("items", "urn:epc:id:sgtin:9521321.000101.1", "")).await;
    assert_eq!(item.status, 200, "{}", item.text);
    let item = item.json();
    assert_eq!(item["id"], thing(1));
    assert_eq!((&item["kind"], &item["life"]["value"]), (&json!("instance"), &json!("active")));
    assert_eq!(item["life"]["event"]["event_id"], event_id(1));
    assert_eq!(item["containers"][0]["id"], PALLET);
    assert_eq!(item["containers"][0]["event"]["event_id"], event_id(2));
    assert_eq!(
        (&item["place"]["through"], &item["holder"]["through"]),
        (&json!(PALLET), &json!(PALLET))
    );
    assert_eq!(item["place"]["event"]["event_id"], event_id(3));
    assert_eq!(item["in_transit"][0]["event"]["event_id"], event_id(3));
    assert_eq!(item["holder"]["member"], "acme");
    let then = api.get(&path("items", &thing(1), &format!("&as_of={before}"))).await.json();
    assert_eq!(then["place"]["event"]["event_id"], event_id(2));
    assert!(then.get("in_transit").is_none(), "{then}");
    assert_eq!(then["as_of"], json!({"height": before, "now": false}));

    let pallet = api.get(&path("items", PALLET, "")).await.json();
    assert_eq!(pallet["contents"][0]["id"], thing(1));
    let mended = api.get(&path("items", &thing(2), "")).await.json();
    assert_eq!(mended["anomalies"]["open"], json!([]));
    let resolved = &mended["anomalies"]["resolved"][0];
    assert_eq!(resolved["code"], "commissioned-twice");
    assert_eq!(resolved["resolved_by"]["event_id"], event_id(4), "the declaration has its name");
    assert_ne!(resolved["resolved_by"]["cursor"], resolved["event"]["cursor"]);
    let lot = api.get(&path("items", "https://id.gs1.org/01/09521321001015/10/raw", "")).await;
    for told in [item, then, pallet, mended, lot.json()] {
        assert_is("ItemView", &told);
    }
    api.stop().await;
}

/// Promise P44 and P47, over HTTP.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_is_a_graph_and_a_drawing() {
    let api = Api::start().await;
    story(&api).await;
    let lot = "https://id.gs1.org/01/09521321001015/10/raw";
    let trace = api.get(&path("trace", lot, "&direction=forward")).await.json();
    let ids = |list: &Value| -> Vec<String> {
        list.as_array().unwrap().iter().map(|i| i["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        ids(&trace["items"]),
        [lot, &thing(2), &thing(1), PALLET].map(String::from).to_vec()
    );
    assert_eq!(trace["items"][3]["container"], true);
    let events: Vec<&str> = trace["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["event_id"].as_str().unwrap())
        .collect();
    let expected = [1, 2, 3, 4, 4].map(event_id);
    assert_eq!(events, expected.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(trace["links"][0]["quantities"], json!([{"value": "12.5", "uom": "KGM"}]));
    assert_eq!(
        (&trace["events"][3]["voided_by"], &trace["events"][4]["corrects"]),
        (&json!(4), &json!(3))
    );
    assert_eq!(trace["packing"][0]["joined"], 1);
    assert_eq!(trace["events"][0]["recorded_by"], 0);
    assert_eq!(trace["parties"][0], json!({"member": "acme", "name": "Acme"}));
    assert!(trace["events"][2]["happened"].as_str() < trace["events"][2]["recorded"].as_str());
    let inside = api.get(&path("trace", &thing(1), "&direction=back")).await.json();
    let shipped = inside["story"].as_array().unwrap().last().unwrap();
    assert_eq!(shipped, &json!({"event": 2, "through": [PALLET]}));
    let cut = api.get(&path("trace", lot, "&direction=forward&depth=0")).await.json();
    assert_eq!(
        (&cut["cuts"][0]["reason"], &cut["cuts"][0]["left_out"]),
        (&json!("depth"), &json!(2))
    );
    let go_on = cut["cuts"][0]["go_on"].as_str().unwrap();
    assert_eq!(api.get(go_on).await.json()["items"].as_array().unwrap().len(), 4);
    for told in [trace, inside, cut] {
        assert_is("TraceView", &told);
    }

    let drawing = api.get(&path("trace", lot, "&format=svg&lang=zh")).await;
    assert_eq!((drawing.status.as_u16(), drawing.header("content-type")), (200, "image/svg+xml"));
    assert!(drawing.text.starts_with("<svg ") && drawing.text.contains("来源与去向"));
    let accepts = api.request("GET", &path("trace", lot, "")).header("accept", "image/svg+xml");
    let drawing = api.send(accepts.body(Body::empty()).unwrap()).await;
    assert_eq!(drawing.header("content-type"), "image/svg+xml");
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_known_or_badly_asked_is_told_with_a_mend() {
    let api = Api::start().await;
    story(&api).await;
    for of in ["items", "trace"] {
        for (id, more, status, field) in [
            (thing(99).as_str(), "", 404, "id"),
            ("https://id.gs1.org/01/09521321001015", "", 404, "id"),
            ("https://id.gs1.org/414/9521321000018", "", 404, "id"),
            ("https://id.gs1.org/01/09521321001016/21/1", "", 404, "id"),
            ("", "", 400, "id"),
            (PALLET, "&as_of=yesterday", 400, "as_of"),
            (PALLET, "&as_of=99999999", 400, "as_of"),
        ] {
            let problem = api.get(&path(of, id, more)).await.problem();
            assert_eq!(problem["status"], status, "{of} {id}{more}: {problem}");
            assert_eq!(problem["errors"][0]["field"], field, "{problem}");
            assert!(problem["errors"][0]["mend"].is_string(), "{problem}");
        }
        assert_eq!(api.anonymous(&path(of, PALLET, "")).await.status, 200);
        assert_eq!(api.get(&path(of, PALLET, "&colour=red")).await.status, 400);
    }
    let never = api.get(&path("trace", PALLET, "&as_of=2020-01-01T00:00:00Z")).await.problem();
    assert_eq!(never["code"], "unknown-item");
    for (more, field) in
        [("&direction=up", "direction"), ("&depth=33", "depth"), ("&format=pdf", "format")]
    {
        let problem = api.get(&path("trace", PALLET, more)).await.problem();
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }
    api.stop().await;
}

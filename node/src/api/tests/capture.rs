use super::*;

const PROCEED: [(&str, &str); 1] = [("GS1-Capture-Error-Behaviour", "proceed")];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_captured_document_is_read_back_equal() {
    let api = Api::start().await;
    let events: Vec<Value> = (1..=3).map(|number| event(number, 7)).collect();
    let job = api.capture(&events, &[]).await;
    assert_eq!((&job["success"], &job["errors"]), (&json!(true), &json!([])), "{job}");
    assert_eq!(job["captureErrorBehaviour"], "rollback");
    for given in &events {
        let id = given["eventID"].as_str().unwrap();
        let answer = api.get(&format!("/epcis/v2/events/{}", percent_encoded(id))).await;
        assert_eq!(answer.json()["@context"], document(&[])["@context"]);
        let mut read = answer.events();
        let recorded = read[0].as_object_mut().unwrap().remove("recordTime").unwrap();
        assert!(recorded.as_str().unwrap().ends_with('Z'));
        assert_eq!((read.len(), &read[0]), (1, given));
    }
    // The job is told from the ledger when nobody remembers it.
    let id = job["captureID"].as_str().unwrap();
    let receipt = api.get(&format!("/api/v1/transactions/{id}")).await;
    assert_eq!(receipt.json()["result"], "recorded");
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_event_is_answered_when_it_can_be_read() {
    let api = Api::start().await;
    let answer = api.post("/epcis/v2/events", &bare(event(1, 7)), &[]).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let location = answer.header("location").to_owned();
    let read = api.get(&location).await.events();
    assert_eq!(read[0]["eventID"], event_id(1));
    assert_eq!(read[0]["@context"], bare(event(1, 7))["@context"]);

    // The very same again, and another under its name.
    let again = api.post("/epcis/v2/events", &bare(event(1, 7)), &[]).await;
    assert_eq!(again.status, 409);
    assert_eq!(again.problem()["type"], "epcisException:ResourceAlreadyExistsException");
    let mut other = bare(event(1, 7));
    other["bizStep"] = json!("receiving");
    let other = api.post("/epcis/v2/events", &other, &[]).await;
    assert_eq!((other.status.as_u16(), other.problem()["code"].as_str()), {
        (409, Some("event-id-taken"))
    });
    assert_eq!(api.get(&location).await.events().len(), 1);

    // Without an eventID it is given one; a record time of the client's is not believed.
    let mut unnamed = bare(event(2, 7));
    unnamed.as_object_mut().unwrap().remove("eventID");
    unnamed["recordTime"] = json!("1999-01-01T00:00:00Z");
    let answer = api.post("/epcis/v2/events", &unnamed, &[]).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let read = api.get(answer.header("location")).await.events();
    assert!(read[0]["eventID"].as_str().unwrap().starts_with("ni:///sha-256;"));
    assert!(read[0]["recordTime"].as_str().unwrap() > "2026");
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rollback_records_all_or_nothing() {
    let api = Api::start().await;
    assert_eq!(api.capture(&[event(1, 7)], &[]).await["success"], true);

    let job = api.capture(&[event(2, 7), event(1, 9), event(2, 8)], &[]).await;
    assert_eq!((&job["running"], &job["success"]), (&json!(false), &json!(false)));
    let errors = job["errors"].as_array().unwrap();
    let places: Vec<_> = errors.iter().map(|error| error["event"].as_u64().unwrap()).collect();
    assert_eq!(places, [1, 2], "taken, and twice in the document: {errors:?}");
    assert_eq!(errors[0]["eventID"], event_id(1));
    assert_eq!(errors[0]["type"], "epcisException:ResourceAlreadyExistsException");
    let path = format!("/epcis/v2/events/{}", event_id(2));
    assert_eq!(api.get(&path).await.status, 404, "nothing of it is on record");

    // What breaks a rule is refused at once, each fault with its place.
    let mut broken = event(4, 7);
    broken["eventTimeZoneOffset"] = json!("one hour");
    broken.as_object_mut().unwrap().remove("action");
    let answer = api.post("/epcis/v2/capture", &document(&[event(3, 7), broken]), &[]).await;
    let problem = answer.problem();
    assert_eq!(answer.status, 400);
    assert_eq!(problem["type"], "epcisException:ValidationException");
    let fields: Vec<&str> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| {
            assert!(error["rule"].is_string() && error["mend"].is_string(), "{error}");
            error["field"].as_str().unwrap()
        })
        .collect();
    assert!(fields.contains(&"/epcisBody/eventList/1/eventTimeZoneOffset"), "{fields:?}");
    assert!(fields.iter().all(|field| field.starts_with("/epcisBody/eventList/1")), "{fields:?}");
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn proceed_records_what_it_can_and_tells_of_each_other() {
    let api = Api::start().await;
    assert_eq!(api.capture(&[event(1, 7)], &[]).await["success"], true);
    let mut broken = event(3, 7);
    broken["action"] = json!("LOOK");
    // An error declaration that differs from its original is refused by the ledger only.
    let mut declared = event(1, 8);
    declared["errorDeclaration"] = json!({"declarationTime": "2026-03-02T00:00:00Z"});
    let events = [event(2, 7), broken, event(1, 9), declared, event(4, 7), event(4, 9)];
    let job = api.capture(&events, &PROCEED).await;
    assert_eq!((&job["running"], &job["success"]), (&json!(false), &json!(false)));
    assert_eq!(job["captureErrorBehaviour"], "proceed");
    let errors = job["errors"].as_array().unwrap();
    let mut places: Vec<_> = errors.iter().map(|error| error["event"].as_u64().unwrap()).collect();
    places.sort_unstable();
    assert_eq!(places, [1, 2, 3, 5], "{errors:#?}");
    for (number, status) in [(2, 200), (3, 404), (4, 200)] {
        let path = format!("/epcis/v2/events/{}", event_id(number));
        assert_eq!(api.get(&path).await.status, status, "{number}");
    }
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_document_goes_in_parts_with_proceed() {
    let api = Api::start().await;
    let events: Vec<Value> = (1..=1_001).map(|number| event(number, number)).collect();
    let answer = api.post("/epcis/v2/capture", &document(&events), &[]).await;
    assert_eq!(answer.status, 413);
    assert_eq!(answer.problem()["type"], "epcisException:CaptureLimitExceededException");
    assert_eq!(answer.header("gs1-epcis-capture-limit"), "1000");
    assert_eq!(answer.header("gs1-epcis-capture-file-size-limit"), "1048576");
    let job = api.capture(&events, &PROCEED).await;
    assert_eq!(job["success"], true, "{job}");
    let path = format!("/epcis/v2/events/{}", event_id(1_001));
    assert_eq!(api.get(&path).await.status, 200);
    api.stop().await;
}

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_is_meant_for_everyone_is_answered_without_a_key() {
    let api = Api::start().await;
    let description = serde_json::to_value(openapi_document()).unwrap();
    let mut open = Vec::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            if operation.get("security").is_none() {
                open.push(format!("{method} {path}"));
                continue;
            }
            let concrete = path.replace(['{', '}'], "");
            let is_in_part = operation["security"].as_array().unwrap().contains(&json!({}));
            if is_in_part {
                open.push(format!("{method} {path}, in part"));
            }
            let wrong = [None, Some("Bearer th_wrong"), Some("Basic eDp5"), Some("x")];
            for authorization in wrong.into_iter().skip(usize::from(is_in_part)) {
                let mut request =
                    Request::builder().method(method.to_uppercase().as_str()).uri(&concrete);
                if let Some(authorization) = authorization {
                    request = request.header("authorization", authorization);
                }
                let request = request.header("content-type", "application/json");
                let answer = api.send(request.body(Body::from("{}")).unwrap()).await;
                assert_eq!(answer.status, 401, "{method} {path} {authorization:?}");
                assert_eq!(answer.problem()["code"], "unauthorized");
                assert_eq!(answer.header("www-authenticate"), "Bearer");
            }
        }
    }
    open.sort();
    assert_eq!(
        open,
        [
            "get /.well-known/did.json",
            "get /.well-known/gs1resolver",
            "get /01/{gtin}/21/{serial}",
            "get /api/v1/blocks/{height}",
            "get /api/v1/evidence, in part",
            "get /api/v1/footprint, in part",
            "get /api/v1/items, in part",
            "get /api/v1/network",
            "get /api/v1/pictures/{digest}",
            "get /api/v1/scans",
            "get /api/v1/status",
            "get /api/v1/trace, in part",
            "get /epcis/v2/events, in part",
            "get /epcis/v2/events/{eventID}, in part",
            "get /livez",
            "get /member/{id}/did.json",
            "get /metrics",
            "get /readyz",
            "post /api/v1/reports",
            "post /api/v1/scans",
            "post /api/v1/tools/event-hash",
        ]
    );
    // A key that is given must be right even where none is needed.
    let request = Request::builder().uri("/api/v1/status").header("authorization", "Bearer x");
    assert_eq!(api.send(request.body(Body::empty()).unwrap()).await.status, 401);
    // A revoked key ends at once.
    let id = api.keystore.api_keys()[0].id.clone();
    api.keystore.revoke_api_key(&id).unwrap();
    assert_eq!(api.get("/epcis/v2/events").await.status, 401);
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_wrong_is_a_problem_that_names_it() {
    let api = Api::start().await;
    let id = "0".repeat(64);
    let gets = [
        ("/epcis/v2/events?foo=1", 400, "QueryParameterException", "foo"),
        ("/epcis/v2/events?perPage=0", 400, "QueryParameterException", "perPage"),
        ("/epcis/v2/events?perPage=1001", 400, "QueryParameterException", "perPage"),
        ("/epcis/v2/events?nextPageToken=zzz", 400, "QueryParameterException", "nextPageToken"),
        ("/epcis/v2/events/urn%3Ax%3Anone", 404, "NoSuchNameException", ""),
        ("/epcis/v2/events/%FF", 400, "QueryParameterException", ""),
        ("/epcis/v2/capture/none", 404, "NoSuchNameException", ""),
        ("/epcis/v2/nothing", 404, "NoSuchNameException", ""),
        ("/api/v1/blocks/0", 404, "not_found", ""),
        ("/api/v1/blocks/999999", 404, "not_found", ""),
        ("/api/v1/blocks/-1", 400, "parameter", "height"),
        ("/api/v1/blocks/99999999999999999999", 400, "parameter", "height"),
        ("/api/v1/transactions/xyz", 400, "parameter", "id"),
        (&format!("/api/v1/transactions/{id}"), 404, "not_found", ""),
        ("/api/v1/feed?after=x", 400, "parameter", "after"),
        ("/api/v1/feed?limit=0", 400, "parameter", "limit"),
        ("/api/v1/feed?wait=9999", 400, "parameter", "wait"),
        ("/api/v1/feed?wait=soon", 400, "parameter", ""),
        ("/api/v1/feed?x=y", 400, "parameter", ""),
        ("/nothing", 404, "not_found", ""),
    ];
    for (path, status, code, field) in gets {
        let answer = api.get(path).await;
        let problem = answer.problem();
        assert_eq!(answer.status, status, "{path}: {problem}");
        let expected = match path.starts_with("/epcis") {
            true => format!("epcisException:{code}"),
            false => format!("tracehold:{code}"),
        };
        assert_eq!(problem["type"], expected, "{path}");
        if !field.is_empty() {
            assert_eq!(problem["errors"][0]["field"], field, "{path}: {problem}");
            assert!(problem["errors"][0]["mend"].is_string(), "{path}: {problem}");
        }
    }
    let long = format!("/epcis/v2/events?MATCH_anyEPC={}", "x".repeat(9_000));
    assert_eq!(api.get(&long).await.problem()["type"], "epcisException:URITooLongException");
    let wrong_method = api.request("DELETE", "/epcis/v2/events").body(Body::empty()).unwrap();
    let answer = api.send(wrong_method).await;
    assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, "GET, HEAD, OPTIONS, POST"));
    answer.problem();
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_cannot_be_read_are_refused_with_the_reason() {
    let api = Api::start().await;
    let posts = ["/epcis/v2/capture", "/epcis/v2/events", "/api/v1/transactions"];
    for path in posts {
        let cases: [(&str, Vec<u8>, u16); 7] = [
            ("application/json", b"{".to_vec(), 400),
            ("application/json", b"".to_vec(), 400),
            ("application/json", b"[1,2]".to_vec(), 400),
            ("application/json", b"{\"a\":1,\"a\":2}".to_vec(), 400),
            ("application/json", b"\xff\xfe".to_vec(), 400),
            ("application/json", vec![b'['; 100_000], 400),
            ("text/plain", b"{}".to_vec(), 415),
        ];
        for (media, body, status) in cases {
            let request = api.request("POST", path).header("content-type", media);
            let answer = api.send(request.body(Body::from(body.clone())).unwrap()).await;
            let shown: String = String::from_utf8_lossy(&body).chars().take(20).collect();
            assert_eq!(answer.status, status, "{path} {media} {shown}: {}", answer.text);
            answer.problem();
        }
    }
    let empty = api.post("/epcis/v2/capture", &document(&[]), &[]).await;
    assert_eq!(empty.status, 400, "{}", empty.text);
    empty.problem();
    for (name, value, status) in [
        ("gs1-epcis-version", "1.2", 406),
        ("gs1-capture-error-behaviour", "perhaps", 400),
        ("gs1-epc-format", "perhaps", 406),
    ] {
        let body = document(&[event(1, 1)]);
        let answer = api.post("/epcis/v2/capture", &body, &[(name, value)]).await;
        assert_eq!(answer.status, status, "{name}: {}", answer.text);
        answer.problem();
    }
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_beyond_a_limit_are_refused_with_the_limit() {
    let capture = config::Capture {
        max_document_bytes: 4_000,
        max_proceed_bytes: 8_000,
        ..config::Capture::default()
    };
    let api = Api::with(capture).await;
    let padded = |bytes: usize| {
        let mut padded = event(1, 1);
        padded["example:note"] = json!("x".repeat(bytes));
        padded
    };
    for (path, body, headers, limit) in [
        ("/epcis/v2/events", bare(padded(5_000)), &[][..], "4000"),
        ("/epcis/v2/capture", document(&[padded(5_000)]), &[], "4000"),
        (
            "/epcis/v2/capture",
            document(&[padded(9_000)]),
            &[("gs1-capture-error-behaviour", "proceed")],
            "8000",
        ),
        ("/api/v1/transactions", json!("x".repeat(20_000)), &[], "16000"),
    ] {
        let answer = api.post(path, &body, headers).await;
        assert_eq!(answer.status, 413, "{path}: {}", answer.text);
        let problem = answer.problem();
        assert!(problem["detail"].as_str().unwrap().contains(limit), "{problem}");
        if path == "/epcis/v2/capture" {
            assert_eq!(answer.header("gs1-epcis-capture-file-size-limit"), "4000");
            assert_eq!(problem["type"], "epcisException:CaptureLimitExceededException");
        }
    }
    // With `proceed` the larger limit holds.
    let job = api.capture(&[padded(5_000)], &[("gs1-capture-error-behaviour", "proceed")]).await;
    assert_eq!(job["success"], true, "{job}");

    // A body that never comes.
    let stuck = Body::from_stream(futures::stream::pending::<Result<Vec<u8>, std::io::Error>>());
    let answer = api.send(api.request("POST", "/epcis/v2/capture").body(stuck).unwrap()).await;
    assert_eq!(answer.status, 408);
    answer.problem();
    api.stop().await;
}

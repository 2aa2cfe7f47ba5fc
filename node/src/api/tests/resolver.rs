//! Lookups of Digital Links: what a request is answered with, line by line.

use super::*;

const MILK: &str = "https://id.gs1.org/01/09521321000018";
const PATH: &str = "/01/09521321000018";

/// A serial number and a lot of the product with an event each, and links at three levels.
async fn shop() -> Api {
    let api = Api::of_prefix(config::Capture::default(), "9521321").await;
    let mut serial = event(1, 1);
    serial["epcList"] = json!([format!("{MILK}/21/A1")]);
    let mut lot = event(2, 1);
    lot.as_object_mut().unwrap().remove("epcList");
    lot["quantityList"] = json!([{"epcClass": format!("{MILK}/10/L1"), "quantity": 5}]);
    let mut other = event(3, 1);
    other["epcList"] = json!(["https://id.gs1.org/00/395213210000000019"]);
    assert_eq!(api.capture(&[serial, lot, other], &[]).await["success"], true);
    let name = json!({"id": MILK, "names": {"en": "Milk", "zh": "牛奶"}});
    assert_eq!(api.put("/api/v1/products", &name).await.status, 200);
    api
}

async fn set(api: &Api, id: &str, links: Value) {
    let answer = api.put("/api/v1/links", &json!({"id": id, "links": links})).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

async fn linked() -> Api {
    let api = shop().await;
    let product = json!([
        {"linkType": "gs1:pip", "href": "https://a.example/en?x=1", "title": "About milk",
         "hreflang": ["en"], "type": "text/html"},
        {"linkType": "gs1:pip", "href": "https://a.example/de", "title": "Milch",
         "hreflang": ["de"], "type": "text/html"},
        {"linkType": "gs1:pip", "href": "https://a.example/en.pdf", "title": "About milk",
         "hreflang": ["en"], "type": "application/pdf"},
        {"linkType": "gs1:instructions", "href": "https://a.example/keep", "title": "Keep cold"},
        {"linkType": "gs1:certificationInfo", "href": "https://c.example/1", "title": "One"},
        {"linkType": "gs1:certificationInfo", "href": "https://c.example/2", "title": "Two"}]);
    set(&api, MILK, product).await;
    let lot = json!([{"linkType": "gs1:recallStatus", "href": "https://a.example/recall#top",
        "title": "Recalled"}]);
    set(&api, &format!("{MILK}/10/L1"), lot).await;
    let serial = json!([{"linkType": "gs1:instructions", "href": "https://a.example/keep/A1",
        "title": "Keep this one cold"}]);
    set(&api, &format!("{MILK}/21/A1"), serial).await;
    api
}

/// `accept` and `language` may be empty.
async fn ask(api: &Api, path: &str, accept: &str, language: &str) -> Answer {
    let mut request = Request::builder().uri(path).header("host", "node.example:8080");
    for (name, value) in [("accept", accept), ("accept-language", language)] {
        if !value.is_empty() {
            request = request.header(name, value);
        }
    }
    api.send(request.body(Body::empty()).unwrap()).await
}

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
const LINKSET: &str = "application/linkset+json";

/// Promise P103.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lookup_goes_where_the_owner_said() {
    let api = linked().await;
    // Path below the product, Accept, Accept-Language; status, and where to or what kind of body.
    let table = [
        "/21/A1                              -    -   200 text/html",
        "/21/A1                              web  -   200 text/html",
        "/21/A1/                             -    -   200 text/html",
        "/10/L1                              -    -   200 text/html",
        ".                                   -    -   200 text/html",
        "/21/A1?17=261231&x=a%20b            -    -   200 text/html",
        "/21/A1?linkType=gs1:pip             -    en  307 https://a.example/en?x=1&linkType=gs1:pip",
        "/21/A1?linktype=pip                 -    de  307 https://a.example/de?linktype=pip",
        "/21/A1?linkType=https://gs1.org/voc/pip - de 307 https://a.example/de?linkType=https://gs1.org/voc/pip",
        "/21/A1?17=261231&linkType=gs1:pip&z - de-AT,en;q=0.9 307 https://a.example/de?17=261231&linkType=gs1:pip&z",
        "?linkType=gs1:pip                   pdf  en  307 https://a.example/en.pdf?linkType=gs1:pip",
        "?linkType=gs1:PIP                   web  de  307 https://a.example/de?linkType=gs1:PIP",
        "?linkType=gs1:pip                   web  fr  300 text/html",
        "?linkType=gs1:pip                   -    -   300 application/linkset+json",
        "?linkType=gs1:certificationInfo     -    -   300 application/linkset+json",
        "?linkType=gs1:certificationInfo     web  -   300 text/html",
        "/21/A1?linkType=gs1:instructions    -    -   307 https://a.example/keep/A1?linkType=gs1:instructions",
        "/21/B2?linkType=gs1:instructions    -    -   307 https://a.example/keep?linkType=gs1:instructions",
        "/10/L1?linkType=gs1:recallStatus    -    -   307 https://a.example/recall?linkType=gs1:recallStatus#top",
        "/10/L1/21/A1?linkType=gs1:recallStatus - -   307 https://a.example/recall?linkType=gs1:recallStatus#top",
        "/10/L2?linkType=gs1:recallStatus    -    -   404 application/problem+json",
        "/21/A1?linkType=gs1:recallStatus    -    -   404 application/problem+json",
        "/21/A1?linkType=gs1:recallStatus    web  -   404 text/html",
        "/21/A1?linkType=gs1:traceability    -    -   307 /01/09521321000018/21/A1?view=scan&linkType=gs1:traceability",
        "/21/A1?view=scan&linkType=gs1:traceability - - 200 text/html",
        "/21/A1?linkType=gs1:epcis           -    -   307 /epcis/v2/events?MATCH_anyEPC=https%3A%2F%2Fid.gs1.org%2F01%2F09521321000018%2F21%2FA1",
        "/21/A1?linkType=linkset             -    -   200 application/linkset+json",
        "/21/A1?linkType=all                 -    -   200 application/linkset+json",
        "/21/A1?linkType=linkset             json -   200 application/json",
        "/21/A1?linkType=linkset             web  -   200 text/html",
        "/21/A1                              set  -   200 application/linkset+json",
        "/21/A1                              json -   200 application/json",
        "/21/A1                              ld   -   200 application/ld+json",
        "/21/A1?linkType=gs1:defaultLink     -    -   200 text/html",
        "/21/A1?linkType=                    -    -   400 application/problem+json",
        "/21/A1?linkType=gs1:pip&linktype=gs1:dpp - - 400 application/problem+json",
        "/21/A1?21=A2                        -    -   400 text/html",
        "/21/A1?17=261331                    json -   400 application/problem+json",
        "/99/x                               web  -   400 text/html",
        "/99/x                               set  -   400 application/problem+json",
    ];
    let mut lines = 0;
    for line in table {
        let [path, accept, language, status, wanted] =
            line.split_whitespace().collect::<Vec<_>>()[..]
        else {
            panic!("{line}");
        };
        let accept = match accept {
            "web" => BROWSER,
            "set" => LINKSET,
            "json" => "application/json",
            "ld" => "application/ld+json",
            "pdf" => "application/pdf",
            _ => "",
        };
        let path = format!("{PATH}{}", path.trim_start_matches('.'));
        let language = language.trim_start_matches('-');
        let answer = ask(&api, &path, accept, language).await;
        assert_eq!(answer.status.as_str(), status, "{line}\n{}", answer.text);
        match status {
            "307" => assert_eq!(answer.header("location"), wanted, "{line}"),
            _ => {
                let kind = answer.header("content-type").split(';').next().unwrap();
                assert_eq!(kind, wanted, "{line}");
                assert!(answer.headers.get("location").is_none(), "{line}");
            }
        }
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{line}");
        assert!(answer.header("vary").contains("Accept-Language"), "{line}");
        if matches!(status, "200" | "300" | "307") {
            let links: Vec<_> = answer.headers.get_all("link").iter().collect();
            assert!(
                links.iter().any(|l| l.to_str().unwrap().contains("rel=\"linkset\"")),
                "{line}"
            );
        }
        lines += 1;
    }
    assert_eq!(lines, 40);
    // Elsewhere nothing is on record.
    for (path, accept, kind) in [
        ("/01/09521321000025/21/A1", "", "text/html"),
        ("/01/09521321000025/21/A1", LINKSET, "application/problem+json"),
        ("/01/09521321000025/21/A1?linkType=gs1:pip", BROWSER, "text/html"),
    ] {
        let answer = ask(&api, path, accept, "").await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.header("content-type").starts_with(kind), "{path} {accept}");
    }
    let wrong = ask(&api, "/01/09521321000019/21/A1", LINKSET, "").await;
    let problem = wrong.problem();
    assert_eq!((wrong.status.as_u16(), &problem["code"]), (400, &json!("digital_link")));
    assert_eq!(problem["errors"][0]["rule"], "check-digit");
    assert!(problem["errors"][0]["mend"].as_str().is_some());
    let page = ask(&api, "/01/09521321000019/21/A1", BROWSER, "").await;
    assert!(page.text.contains("check digit") && page.text.contains("This is not an identifier"));
    api.stop().await;
}

/// Promise P103.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn defaults_lead_away_and_our_own_links_stay() {
    let api = shop().await;
    let product = json!([
        {"linkType": "gs1:pip", "href": "https://a.example/en", "title": "About milk",
         "hreflang": ["en"], "type": "text/html", "default": true},
        {"linkType": "gs1:pip", "href": "https://a.example/zh", "title": "关于牛奶",
         "hreflang": ["zh"], "type": "text/html", "default": true},
        {"linkType": "gs1:masterData", "href": "https://a.example/data.json", "title": "Data",
         "type": "application/json", "default": true}]);
    set(&api, MILK, product).await;
    let serial = format!("{PATH}/21/A1");
    for (path, accept, language, wanted) in [
        (serial.clone(), BROWSER, "", "https://a.example/en"),
        (serial.clone(), "", "", "https://a.example/en"),
        (serial.clone(), BROWSER, "zh-CN,zh;q=0.9", "https://a.example/zh"),
        (format!("{serial}?a=1"), BROWSER, "fr", "https://a.example/en?a=1"),
        (serial.clone(), "application/json", "", "https://a.example/data.json"),
        (PATH.to_owned(), BROWSER, "en", "https://a.example/en"),
    ] {
        let answer = ask(&api, &path, accept, language).await;
        let told = (answer.status.as_u16(), answer.header("location"));
        assert_eq!(told, (307, wanted), "{path} {accept} {language}");
    }
    // What our own pages link to is our own page, whoever the owner would rather send people to.
    for query in ["lang=en", "view=full", "story=1"] {
        assert_eq!(
            ask(&api, &format!("{serial}?{query}"), BROWSER, "").await.status,
            200,
            "{query}"
        );
    }
    // No address of a request is ever followed.
    let open = format!("{serial}?href=https://evil.example&linkType=https://evil.example/x");
    assert_eq!(ask(&api, &open, "", "").await.status, 404);
    // A more specific default wins; an empty record takes all away.
    let own = json!([{"linkType": "gs1:pip", "href": "https://a.example/A1", "title": "This one",
        "default": true}]);
    set(&api, &format!("{MILK}/21/A1"), own).await;
    assert_eq!(ask(&api, &serial, BROWSER, "zh").await.header("location"), "https://a.example/A1");
    set(&api, &format!("{MILK}/21/A1"), json!([])).await;
    set(&api, MILK, json!([])).await;
    assert_eq!(ask(&api, &serial, BROWSER, "").await.status, 200);
    api.stop().await;
}

/// Promise P103.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_set_of_links_has_every_level() {
    let api = linked().await;
    let answer = ask(&api, &format!("{PATH}/10/L1/21/A1?linkType=linkset"), "", "").await;
    let sets = answer.json()["linkset"].as_array().unwrap().clone();
    let root = "http://node.example:8080";
    let anchors: Vec<&str> = sets.iter().map(|set| set["anchor"].as_str().unwrap()).collect();
    let wanted =
        [format!("{root}{PATH}/21/A1"), format!("{root}{PATH}/10/L1"), format!("{root}{PATH}")];
    assert_eq!(anchors, wanted);
    let voc = |name: &str| format!("https://ref.gs1.org/voc/{name}");
    assert_eq!(sets[0]["itemDescription"], "Milk");
    assert_eq!(sets[0][voc("instructions")][0]["href"], "https://a.example/keep/A1");
    let page = format!("{root}{PATH}/21/A1?view=scan&lang=en");
    assert_eq!(sets[0][voc("defaultLink")][0]["href"], page);
    assert_eq!(sets[0][voc("traceability")][0]["hreflang"], json!(["en"]));
    let dpp = format!("{root}{PATH}/21/A1?linkType=gs1:dpp");
    assert_eq!(sets[0][voc("dpp")][0]["href"], dpp);
    assert_eq!(sets[0][voc("dpp")][0]["type"], "application/vc+ld+json");
    assert_eq!(sets[1][voc("recallStatus")][0]["title"], "Recalled");
    assert_eq!(sets[2][voc("pip")].as_array().unwrap().len(), 3);
    let english = json!({"href": "https://a.example/en?x=1", "title": "About milk",
        "hreflang": ["en"], "type": "text/html"});
    assert_eq!(sets[2][voc("pip")][0], english);
    let context = "https://ref.gs1.org/standards/resolver/linkset-context";
    let links: Vec<&str> =
        answer.headers.get_all("link").iter().map(|value| value.to_str().unwrap()).collect();
    assert!(links.iter().any(|link| link.contains(context)), "{links:?}");
    let same = format!("<{MILK}/21/A1>; rel=\"http://www.w3.org/2002/07/owl#sameAs\"");
    assert!(links.contains(&same.as_str()), "{links:?}");
    let ld = ask(&api, &format!("{PATH}/21/A1"), "application/ld+json", "").await;
    assert_eq!(ld.json()["@context"], context);
    // With an owner's default, that is the default; several are one and the rest.
    let links = json!([
        {"linkType": "gs1:pip", "href": "https://a.example/1", "title": "1", "default": true},
        {"linkType": "gs1:pip", "href": "https://a.example/2", "title": "2", "default": true}]);
    set(&api, MILK, links).await;
    let sets = ask(&api, &format!("{PATH}/21/A1"), LINKSET, "").await.json()["linkset"].clone();
    assert_eq!(sets[0].get(voc("defaultLink")), None);
    let default = json!([{"href": "https://a.example/1", "title": "1"}]);
    assert_eq!(sets[1][voc("defaultLink")], default);
    assert_eq!(sets[1][voc("defaultLinkMulti")].as_array().unwrap().len(), 2);
    // A page of links for people escapes what owners wrote.
    let script = json!([{"linkType": "gs1:pip", "href": "https://a.example/?a=\"",
        "title": "x"}]);
    let refused = api.put("/api/v1/links", &json!({"id": MILK, "links": script})).await;
    assert_eq!(refused.status, 400, "no address has a quotation mark");
    let script = json!([{"linkType": "gs1:pip", "href": "https://a.example/?a='&b=1",
        "title": "<script>alert(1)</script>"}]);
    set(&api, MILK, script).await;
    let page = ask(&api, &format!("{PATH}/21/A1?linkType=linkset"), BROWSER, "").await;
    assert!(!page.text.contains("<script>alert") && page.text.contains("alert(1)"));
    assert!(page.text.contains("Keep this one cold"));
    api.stop().await;
}

/// Promise P103.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heads_options_and_the_description_are_as_gs1_says() {
    let api = linked().await;
    let path = format!("{PATH}/21/A1");
    let send = |method: &'static str, path: String| {
        let request = Request::builder().method(method).uri(path);
        api.send(request.body(Body::empty()).unwrap())
    };
    let head = send("HEAD", format!("{path}?linkType=gs1:instructions")).await;
    assert_eq!(head.status, 307);
    assert!(head.header("location").starts_with("https://a.example/keep/A1"));
    let head = send("HEAD", path.clone()).await;
    assert_eq!((head.status.as_u16(), head.text.as_str()), (200, ""));
    assert!(head.header("content-type").starts_with("text/html"));
    let options = send("OPTIONS", path.clone()).await;
    assert_eq!((options.status.as_u16(), options.header("allow")), (204, "GET, HEAD, OPTIONS"));
    assert_eq!(options.header("access-control-allow-origin"), "*");
    assert_eq!(options.header("access-control-allow-methods"), "GET, HEAD, OPTIONS");
    assert!(options.header("access-control-allow-headers").contains("Accept-Language"));
    let post = send("POST", path).await;
    assert_eq!((post.status.as_u16(), post.header("allow")), (405, "GET, HEAD, OPTIONS"));
    post.problem();
    let description = ask(&api, "/.well-known/gs1resolver", "", "").await;
    assert_eq!(description.header("access-control-allow-origin"), "*");
    let told = description.json();
    assert_eq!(told["resolverRoot"], "http://node.example:8080");
    assert_eq!(told["name"], "Acme on test");
    let keys = told["supportedPrimaryKeys"].as_array().unwrap();
    assert!(keys.contains(&json!("01")) && keys.contains(&json!("8018")) && keys.len() == 15);
    assert_eq!(told["linkTypeDefaultCanBeLinkset"], false);
    let gs1 = json!([{"namespace": "https://ref.gs1.org/voc/", "prefix": "gs1:"}]);
    assert_eq!(told["supportedLinkType"], gs1);
    assert_eq!(told["contact"]["fn"], "Acme");
    // A host that nobody could have is not repeated.
    let request = Request::builder().uri("/.well-known/gs1resolver").header("host", "a\"b<c>");
    let odd = api.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(odd.json()["resolverRoot"], "http://localhost");
    api.stop().await;
}

/// Promise P103, P2.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_are_set_by_the_owner_and_read_back_whole() {
    let api = Api::of_prefix(config::Capture::default(), "9521321").await;
    // The example of the description is one that works.
    let description = api.get("/openapi.json").await.json();
    let example = description["components"]["schemas"]["LinksView"]["example"].clone();
    let kept = api.put("/api/v1/links", &example).await;
    assert_eq!(kept.status, 200, "{}", kept.text);
    let kept = kept.json();
    assert_eq!(kept["links"], example["links"]);
    assert_eq!(
        (&kept["record"]["version"], &kept["record"]["setBy"]),
        (&json!(1), &json!("acme/gate"))
    );
    assert_eq!(api.put("/api/v1/links", &kept).await.json(), kept, "nothing changed");
    let id = percent_encoded(example["id"].as_str().unwrap());
    assert_eq!(api.get(&format!("/api/v1/links?id={id}")).await.json(), kept);
    assert_eq!(api.get("/api/v1/links").await.json(), json!({"links": [kept]}));
    assert_eq!(api.anonymous("/api/v1/links").await.status, 401);
    let refused = |body: Value, status: u16, field: &str, rule: &str| {
        let (api, field, rule) = (&api, field.to_owned(), rule.to_owned());
        async move {
            let answer = api.put("/api/v1/links", &body).await;
            let problem = answer.problem();
            assert_eq!(answer.status, status, "{problem}");
            let error = &problem["errors"][0];
            assert_eq!((&error["field"], &error["rule"]), (&json!(field), &json!(rule)));
            assert!(error["mend"].as_str().is_some_and(|mend| mend.len() > 10), "{problem}");
        }
    };
    let link = |href: &str| json!([{"linkType": "gs1:pip", "href": href, "title": "x"}]);
    let foreign = "https://id.gs1.org/01/09521101530001/21/1";
    refused(json!({"id": foreign, "links": []}), 403, "/id", "not-yours").await;
    refused(json!({"id": MILK}), 400, "/links", "required").await;
    for href in ["http://a.example/", "javascript:alert(1)", "/01/09521321000018"] {
        let body = json!({"id": MILK, "links": link(href)});
        refused(body, 400, "/links/0/href", "href").await;
    }
    api.stop().await;
}

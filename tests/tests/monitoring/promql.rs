//! Which series and labels a PromQL expression names: enough of the language for that, and an
//! error for what is not understood.

/// What an expression asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Its series.
    pub selectors: Vec<Selector>,
    /// Labels that it groups or joins by.
    pub labels: Vec<String>,
}

/// One series selector.
#[derive(Debug, PartialEq, Eq)]
pub struct Selector {
    /// The name.
    pub metric: String,
    /// Label, operator and value.
    pub matchers: Vec<(String, String, String)>,
}

const FUNCTIONS: &[&str] = &[
    "abs",
    "avg",
    "ceil",
    "changes",
    "count",
    "delta",
    "deriv",
    "floor",
    "histogram_quantile",
    "increase",
    "label_replace",
    "max",
    "max_over_time",
    "min",
    "predict_linear",
    "quantile",
    "rate",
    "round",
    "sum",
    "time",
    "topk",
    "vector",
];

const OPERATORS: &[&str] = &["and", "or", "unless", "bool"];

const GROUPINGS: &[&str] = &["by", "without", "on", "ignoring", "group_left", "group_right"];

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn while_is(&mut self, is: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !is(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn takes(&mut self, what: char) -> bool {
        self.blanks();
        let taken = self.rest.strip_prefix(what);
        self.rest = taken.unwrap_or(self.rest);
        taken.is_some()
    }

    fn wants(&mut self, what: char) -> Result<(), String> {
        if self.takes(what) {
            Ok(())
        } else {
            Err(format!("{what} is missing before {}", self.rest))
        }
    }

    fn word(&mut self) -> &'a str {
        self.blanks();
        self.while_is(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
    }

    fn quoted(&mut self) -> Result<String, String> {
        self.wants('"')?;
        let (value, rest) = self.rest.split_once('"').ok_or("a quote does not end")?;
        if value.contains('\\') {
            return Err(format!("escapes are not read: {value}"));
        }
        self.rest = rest;
        Ok(value.to_owned())
    }

    fn labels(&mut self) -> Result<Vec<String>, String> {
        self.wants('(')?;
        let mut labels = Vec::new();
        while !self.takes(')') {
            let label = self.word();
            if label.is_empty() {
                return Err(format!("a label is missing before {}", self.rest));
            }
            labels.push(label.to_owned());
            self.takes(',');
        }
        Ok(labels)
    }

    fn matchers(&mut self) -> Result<Vec<(String, String, String)>, String> {
        let mut matchers = Vec::new();
        if !self.takes('{') {
            return Ok(matchers);
        }
        while !self.takes('}') {
            let label = self.word().to_owned();
            self.blanks();
            let operator = self.while_is(|c| "=!~".contains(c)).to_owned();
            if label.is_empty() || !["=", "!=", "=~", "!~"].contains(&operator.as_str()) {
                return Err(format!("no matcher before {}", self.rest));
            }
            matchers.push((label, operator, self.quoted()?));
            self.takes(',');
        }
        Ok(matchers)
    }
}

/// Reads an expression.
pub fn read(expr: &str) -> Result<Query, String> {
    let mut reader = Reader { rest: expr };
    let mut query = Query::default();
    loop {
        reader.blanks();
        let Some(next) = reader.rest.chars().next() else { return Ok(query) };
        match next {
            '"' => drop(reader.quoted()?),
            '[' => {
                let range = reader.rest.split_once(']').ok_or("a range does not end")?;
                reader.rest = range.1;
            }
            '0'..='9' | '.' => drop(reader.while_is(|c| c.is_ascii_alphanumeric() || c == '.')),
            '(' | ')' | ',' | '+' | '-' | '*' | '/' | '%' | '^' | '=' | '!' | '<' | '>' => {
                reader.rest = &reader.rest[1..];
            }
            'a'..='z' | 'A'..='Z' | '_' => {
                let word = reader.word();
                reader.blanks();
                if GROUPINGS.contains(&word) {
                    query.labels.extend(reader.labels()?);
                } else if OPERATORS.contains(&word) {
                    continue;
                } else if FUNCTIONS.contains(&word) {
                    let opens = reader.rest.starts_with('(')
                        || GROUPINGS.iter().any(|grouping| reader.rest.starts_with(grouping));
                    if !opens {
                        return Err(format!("{word} is called with nothing"));
                    }
                } else if reader.rest.starts_with('(') {
                    return Err(format!("{word} is no function that is known here"));
                } else {
                    let matchers = reader.matchers()?;
                    query.selectors.push(Selector { metric: word.to_owned(), matchers });
                }
            }
            other => return Err(format!("{other:?} is not understood")),
        }
    }
}

#[test]
fn expressions_tell_their_series_and_labels() {
    let matcher = |label: &str, operator: &str, value: &str| {
        (label.to_owned(), operator.to_owned(), value.to_owned())
    };
    let query = read(
        "histogram_quantile(0.95, sum by (le, job) (rate(a_bucket{job=~\"$j\",x!=\"(b\"}[5m]))) > 2 \
         or time() - c:d == bool 1e3 and on (z) e",
    );
    let query = query.expect("an expression");
    let names: Vec<&str> = query.selectors.iter().map(|s| s.metric.as_str()).collect();
    assert_eq!(names, ["a_bucket", "c:d", "e"]);
    let of_first = vec![matcher("job", "=~", "$j"), matcher("x", "!=", "(b")];
    assert_eq!(query.selectors[0].matchers, of_first);
    assert_eq!(query.labels, ["le", "job", "z"]);
    for wrong in
        ["foo(bar)", "rate(x[5m)", "x{a}", "x{a=b}", "sum", "{a=\"b\"}", "x{a=\"b}", "x # y"]
    {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}

//! `eventflux test`: examples that are right, wrong, and written.

#[allow(dead_code, reason = "it is shared, and each program uses a part")]
#[path = "common/child.rs"]
mod child;

use child::{expect, run};
use eventflux_testbed::Scratch;
use std::fs;

const PAGE: &str = "# Sums

```sql
@app:playback
CREATE STREAM S (v INT);
INSERT INTO Out SELECT sum(v) AS s FROM S WINDOW('length', 2);
```

Of the last two:

```events
{\"stream\":\"S\",\"at\":1,\"row\":[1]}
{\"stream\":\"S\",\"at\":2,\"row\":[2]}
```

```output
{\"stream\":\"Out\",\"at\":1,\"row\":[1]}
{\"stream\":\"Out\",\"at\":2,\"row\":[3]}
```

```text
not run
```

```sql
INSERT INTO Out SELECT v FROM S;
```

```error
error: unknown stream 'S'
 --> line 1, column 31
1 | INSERT INTO Out SELECT v FROM S;
  |                               ^
  = help: write CREATE STREAM S (…)
```
";

#[test]
fn a_page_is_right_or_its_differences_are_shown_and_written() {
    let folder = Scratch::new().expect("a folder");
    let page = folder.file("a.md", PAGE);
    let written = || fs::read_to_string(&page).expect("it is there");
    // what is said of the unknown stream is for the engine to say
    expect(&run(&["test", &page, "--update"]), 0, &[]);
    let right = written();
    assert!(right.starts_with(PAGE.split("error: ").next().expect("a text")));
    let fine = run(&["test", &page, "--update"]);
    expect(&fine, 0, &[]);
    assert!(String::from_utf8_lossy(&fine.stdout).ends_with("a.md: ok, 2 examples\n"));
    fs::write(&page, right.replace("\"row\":[3]", "\"row\":[4]")).expect("written");
    let wrong = run(&["test", &page]);
    let told = [
        "a.md:3: it gives something else",
        "--- the page",
        "-{\"stream\":\"Out\",\"at\":2,\"row\":[4]}",
        "+{\"stream\":\"Out\",\"at\":2,\"row\":[3]}",
        "1 of 2 examples differs",
    ];
    expect(&wrong, 1, &told);
    expect(&run(&["test", &page, "--update"]), 0, &[]);
    assert_eq!(written(), right);
    let output = right.find("```output").expect("a block");
    let behind = right.find("```text").expect("a block");
    fs::write(&page, right[..output].to_string() + &right[behind..]).expect("written");
    expect(
        &run(&["test", &page]),
        1,
        &["no block output behind the events"],
    );
    expect(&run(&["test", &page, "--update"]), 0, &[]);
    expect(&run(&["test", &page]), 0, &[]);
    assert!(written().contains("```output\n{\"stream\":\"Out\",\"at\":1,\"row\":[1]}\n"));
}

#[test]
fn what_is_no_example_is_said() {
    let folder = Scratch::new().expect("a folder");
    let app = "```sql\nCREATE STREAM S (v INT);\nINSERT INTO Out SELECT v FROM S;\n```\n";
    for (text, status, told) in [
        ("# nothing\n".to_string(), 2, "no example"),
        (
            app.to_string(),
            2,
            "a.md:1: behind this app stand neither events nor an error",
        ),
        (format!("{app}```error\nx\n```\n"), 1, "a.md:1: it builds"),
        (
            format!("{app}```events\n\n{{}}\n```\n```output\n```\n"),
            1,
            "line 2 of the events: no 'stream'",
        ),
    ] {
        let page = folder.file("a.md", &text);
        expect(&run(&["test", &page]), status, &[told]);
    }
    // beside a page that has some, a page without is passed over
    let without = folder.file("b.md", "# nothing\n");
    let page = folder.file("a.md", PAGE);
    expect(&run(&["test", &page, "--update"]), 0, &[]);
    let both = run(&["test", &without, &page]);
    expect(&both, 0, &[]);
    let told = String::from_utf8_lossy(&both.stdout).into_owned();
    assert!(told.contains("b.md: no example\n") && told.contains("a.md: ok, 2 examples"));
    expect(
        &run(&["test", &folder.at("none.md")]),
        2,
        &["none.md: No such file"],
    );
    expect(&run(&["test"]), 2, &["PAGE.md"]);
}

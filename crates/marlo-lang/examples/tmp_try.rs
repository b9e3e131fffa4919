struct L(std::path::PathBuf);
impl marlo_lang::Library for L {
    fn source(&self, n: &str) -> Option<String> {
        for d in std::fs::read_dir(&self.0).unwrap() {
            let p = d.unwrap().path().join(format!("{n}.loss"));
            if p.exists() {
                return std::fs::read_to_string(p).ok();
            }
        }
        None
    }
    fn names(&self) -> Vec<String> {
        vec![]
    }
}
fn main() {
    let l = L("specs".into());
    for f in std::env::args().skip(1) {
        let s = std::fs::read_to_string(&f).unwrap();
        match marlo_lang::compile(&s, &l) {
            Ok(c) => {
                println!("== {f}\n{}", marlo_ir::formula::gradient(&c.loss, marlo_ir::formula::Style::Text));
                print!(
                    "{}",
                    marlo_lang::render::render_all(&c.warnings, &f, &s, marlo_lang::render::Style::Plain)
                );
            }
            Err(d) => {
                println!("{}", marlo_lang::render::render_all(&d, &f, &s, marlo_lang::render::Style::Plain))
            }
        }
        match marlo_lang::format(&s) {
            Ok(t) => {
                if t != s {
                    std::fs::write(&f, t).unwrap();
                    println!("formatted {f}")
                }
            }
            Err(_) => println!("fmt fail"),
        }
    }
}

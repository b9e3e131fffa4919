//! How several matrices and several derivatives of each cell share a buffer, read in the text of a shader.

use marlo_ir::build::{Builder, TypeError};
use marlo_ir::graph::{Axis, Id};
use marlo_ir::kind::Kind;
use marlo_ir::loss::Loss;
use marlo_ir::op::{At, Op};
use marlo_ir::schedule::RowProgram;
use marlo_wgsl::{Shader, Target, compile, emit};

fn build(body: impl FnOnce(&mut Builder) -> Result<Id, TypeError>) -> Loss {
    let mut b = Builder::new();
    let value = body(&mut b).expect("the program is right");
    b.finish("test", value).expect("it is a loss")
}

/// A softmax over the nearest of so many centres of each class.
fn centres(count: u32) -> Loss {
    build(|b| {
        b.set_centres(count);
        let mut greatest = Vec::new();
        for at in [At::Target, At::Other] {
            let mut best = b.cos_of_centre(at, 0)?;
            for centre in 1..count {
                let next = b.cos_of_centre(at, centre)?;
                best = b.apply(Op::Max, &[best, next])?;
            }
            greatest.push(best);
        }
        let eight = b.number(8.0);
        let [y, k] = [0, 1].map(|at| b.graph.add(Op::Mul, &[eight, greatest[at]]));
        let lse = b.graph.add(Op::LseK, &[k]);
        let u = b.graph.add(Op::Sub, &[lse, y]);
        b.apply(Op::Softplus, &[u])
    })
}

fn valid(shader: &Shader) {
    for target in [Target::Spirv, Target::Msl, Target::Hlsl, Target::Glsl] {
        if let Err(error) = compile(shader, target) {
            panic!("{target:?}: {error}\n{}", shader.source);
        }
    }
}

#[test]
fn one_matrix_needs_no_stride() {
    let shader = emit(&RowProgram::of(&centres(1)));
    assert_eq!((shader.matrices, shader.outputs), (1, 1));
    assert!(!shader.source.contains("cells"), "{}", shader.source);
    valid(&shader);
}

#[test]
fn centres_stand_one_after_another() {
    let shader = emit(&RowProgram::of(&centres(3)));
    assert_eq!((shader.matrices, shader.outputs), (3, 3));
    let bindings = shader.source.matches("@binding").count();
    assert_eq!(bindings, 5, "{}", shader.source);
    for text in [
        "    cells: u32,",
        "= cosines[base + k];",
        "= cosines[params.cells + base + label];",
        "= cosines[2u * params.cells + base + k];",
        "gradients[params.cells + base + k] =",
        "gradients[2u * params.cells + base + label] =",
    ] {
        assert!(shader.source.contains(text), "{text}\n{}", shader.source);
    }
    valid(&shader);
}

/// A derivative by an input of the classes is an output of each cell; one by an input of the samples is kept.
#[test]
fn derivatives_by_inputs() {
    let loss = build(|b| {
        let margin = b.input("margin", Kind::Real, Axis::Classes)?;
        let weight = b.input("weight", Kind::Real, Axis::Rows)?;
        let (own, weight) = (b.read(margin, At::Target), b.read(weight, At::Row));
        let (y, k) = (b.cos(At::Target)?, b.cos(At::Other)?);
        let f = b.graph.add(Op::Sub, &[y, own]);
        let lse = b.graph.add(Op::LseK, &[k]);
        let u = b.graph.add(Op::Sub, &[lse, f]);
        let ce = b.apply(Op::Softplus, &[u])?;
        b.apply(Op::Mul, &[weight, ce])
    });
    assert_eq!(emit(&RowProgram::of(&loss)).outputs, 1);
    let wrt = ["margin", "weight"].map(|name| loss.wrt(name).expect("there is one"));
    let program = RowProgram::by(&loss, &wrt);
    let shader = emit(&program);
    assert_eq!((shader.matrices, shader.outputs), (1, 2));
    assert!(program.rows().iter().all(|row| shader.kept.contains(row)));
    valid(&shader);
}

/// A name of a program that the text has itself is changed.
#[test]
fn names_of_the_text_are_its_own() {
    let loss = build(|b| {
        let mut values = vec![b.cos(At::Target)?];
        for name in ["cells", "nearest", "source", "wanted"] {
            let param = marlo_ir::graph::Param::new(name, Kind::Real);
            let value = b.param(param)?;
            values.push(b.graph.add(Op::Mul, &[value, values[0]]));
        }
        let k = b.cos(At::Other)?;
        let greatest = b.apply(Op::MaxK, &[k])?;
        let mut sum = greatest;
        for value in values {
            let matched = b.matched(value, greatest)?;
            let part = b.graph.add(Op::Mul, &[matched, value]);
            sum = b.graph.add(Op::Add, &[sum, part]);
        }
        Ok(sum)
    });
    let shader = emit(&RowProgram::of(&loss));
    assert!(shader.source.contains("nearest_2: f32"), "{}", shader.source);
    valid(&shader);
}

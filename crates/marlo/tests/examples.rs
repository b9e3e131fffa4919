//! The examples, each run.

#[path = "../examples/convolution.rs"]
#[allow(unreachable_pub, reason = "it is a program of its own, too")]
mod convolution;
#[path = "../examples/mlp.rs"]
#[allow(unreachable_pub, reason = "it is a program of its own, too")]
mod mlp;
#[path = "../examples/swap_loss.rs"]
#[allow(unreachable_pub, reason = "it is a program of its own, too")]
mod swap_loss;

#[test]
fn another_loss_in_a_model() {
    swap_loss::main().expect("it runs");
}

#[test]
fn a_plain_network() {
    mlp::main().expect("it runs");
}

#[test]
fn a_convolutional_network() {
    convolution::main().expect("it runs");
}

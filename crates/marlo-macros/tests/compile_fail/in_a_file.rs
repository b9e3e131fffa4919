fn main() {
    marlo_macros::include_loss!("wrong.loss");
    marlo_macros::include_loss!("absent.loss");
    marlo_macros::include_loss!(wrong.loss);
}

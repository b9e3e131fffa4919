//! `.npy` and `.npz` files: what is written is read back, and what is wrong is told.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say so and stop")]

mod common;

use std::fs;
use std::path::Path;

use common::TempDir;
use marlo_data::array::{
    AnyArray, Array, ArrayError, Npz, Real, read_labels, read_npy, read_real, write_npy, write_npz,
};

/// An `.npy` file made by hand: the format's first version.
fn npy(descr: &str, fortran: bool, shape: &str, payload: &[u8]) -> Vec<u8> {
    let order = if fortran { "True" } else { "False" };
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}");
    header.extend(std::iter::repeat_n(' ', 64 - (header.len() + 11) % 64));
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(payload);
    bytes
}

fn le(numbers: &[f64]) -> Vec<u8> {
    numbers.iter().flat_map(|x| x.to_le_bytes()).collect()
}

#[test]
fn npy_round_trips() {
    let dir = TempDir::new();
    let path = dir.join("a.npy");
    let matrix =
        Array::new([2, 3], vec![1.0f32, -0.0, f32::MAX, f32::MIN_POSITIVE, 0.1, f32::INFINITY]).unwrap();
    write_npy(&path, &matrix).unwrap();
    assert_eq!(read_real(&path).unwrap(), Real::F32(matrix.clone()));
    assert_eq!(read_npy::<f32>(&path).unwrap(), matrix);
    assert_eq!(matrix.rows().collect::<Vec<_>>(), [&matrix.data[..3], &matrix.data[3..]]);

    // Over the file already there.
    let vector = Array::new([3], vec![0.1f64, 1e-300, -5.0]).unwrap();
    write_npy(&path, &vector).unwrap();
    assert_eq!(read_real(&path).unwrap(), Real::F64(vector));

    let labels = Array::new([3], vec![0i64, -1, i64::MAX]).unwrap();
    write_npy(&path, &labels).unwrap();
    assert_eq!(read_labels(&path).unwrap(), labels.data);

    for shape in [vec![], vec![0], vec![0, 4], vec![2, 1, 3]] {
        let len = shape.iter().product();
        let array = Array::new(shape, (0..len).map(|i| i as i64).collect()).unwrap();
        write_npy(&path, &array).unwrap();
        assert_eq!(read_npy::<i64>(&path).unwrap(), array);
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file is left");
}

#[test]
fn fortran_order_and_big_endian_are_turned() {
    let dir = TempDir::new();
    let path = dir.join("f.npy");
    // Columns of [[1, 2, 3], [4, 5, 6]] one after the other.
    fs::write(&path, npy("<f8", true, "(2, 3)", &le(&[1.0, 4.0, 2.0, 5.0, 3.0, 6.0]))).unwrap();
    let expected = Array::new([2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
    assert_eq!(read_real(&path).unwrap(), Real::F64(expected));

    let counting: Vec<f64> = (0..24).map(f64::from).collect();
    fs::write(&path, npy("<f8", true, "(2, 3, 4)", &le(&counting))).unwrap();
    let cube = read_npy::<f64>(&path).unwrap();
    for (at, &found) in cube.data.iter().enumerate() {
        let (i, j, k) = (at / 12, at / 4 % 3, at % 4);
        assert_eq!(found, (i + 2 * j + 6 * k) as f64);
    }

    let big: Vec<u8> = [7i64, -2].iter().flat_map(|x| x.to_be_bytes()).collect();
    fs::write(&path, npy(">i8", false, "(2,)", &big)).unwrap();
    assert_eq!(read_labels(&path).unwrap(), [7, -2]);
}

/// The message of the error that reading gives, without the folder's name.
fn message<T: std::fmt::Debug>(dir: &TempDir, result: Result<T, ArrayError>) -> String {
    result.unwrap_err().to_string().replace(&format!("{}/", dir.path().display()), "")
}

#[test]
fn what_is_wrong_is_told() {
    let dir = TempDir::new();
    let path = dir.join("a.npy");
    let put = |bytes: &[u8]| fs::write(&path, bytes).unwrap();

    assert!(matches!(read_real(dir.join("missing.npy")), Err(ArrayError::Io { .. })));

    put(&npy("<i4", false, "(2,)", &[0; 8]));
    assert_eq!(
        message(&dir, read_real(&path)),
        "a.npy: int32 found, float32 or float64 expected; save it with .astype(np.float32)"
    );
    assert_eq!(
        message(&dir, read_labels(&path)),
        "a.npy: int32 found, int64 expected; save it with .astype(np.int64)"
    );
    put(&npy("<f2", false, "(2,)", &[0; 4]));
    assert!(message(&dir, read_real(&path)).starts_with("a.npy: float16 found"));
    put(&npy("|b1", false, "(2,)", &[0; 2]));
    assert!(message(&dir, read_labels(&path)).starts_with("a.npy: bool found"));
    put(&npy("|O", false, "(2,)", &[0; 2]));
    assert!(message(&dir, read_labels(&path)).starts_with("a.npy: object found"));
    put(&npy("<U3", false, "(2,)", &[0; 24]));
    assert!(message(&dir, read_labels(&path)).contains("<U3"));

    put(&npy("<f8", false, "(2, 2, 1)", &le(&[0.0; 4])));
    assert_eq!(read_real(&path).expect("three axes").shape(), [2, 2, 1]);
    put(&npy("<f8", false, "(2, 2, 1, 1)", &le(&[0.0; 4])));
    assert_eq!(
        message(&dir, read_real(&path)),
        "a.npy: an array of shape [2, 2, 1, 1] found, an array of one to three dimensions expected; \
         save it with .reshape"
    );
    put(&npy("<i8", false, "(1, 2)", &[0; 16]));
    assert!(message(&dir, read_labels(&path)).contains("a vector of labels"));

    put(&npy("<f8", false, "(3, 2)", &le(&[0.0; 5])));
    assert_eq!(
        message(&dir, read_real(&path)),
        "a.npy: truncated: its header promises 48 bytes of numbers, 40 follow; save or copy it again"
    );

    put(b"");
    assert_eq!(
        message(&dir, read_real(&path)),
        "a.npy: not a .npy array (the file is empty); save it with np.save"
    );
    put(b"1.0,2.0\n");
    assert!(message(&dir, read_real(&path)).contains("does not start with"));
}

#[test]
fn damaged_headers_are_errors() {
    let dir = TempDir::new();
    let path = dir.join("a.npy");
    let good = npy("<f8", false, "(2,)", &le(&[1.0, 2.0]));
    for length in 0..good.len() {
        fs::write(&path, &good[..length]).unwrap();
        assert!(read_real(&path).is_err(), "cut to {length} bytes");
    }
    for at in 0..good.len() - 16 {
        for value in [0, b'\'', b'9', b'(', 0xff] {
            let mut bad = good.clone();
            bad[at] = value;
            fs::write(&path, &bad).unwrap();
            // An error or an array, but never a panic.
            let _ = read_real(&path);
        }
    }
    for shape in
        ["(9999999999, 9999999999)", "(0, 9223372036854775807, 8)", "(99999999999999999999,)", "(-1,)", "3"]
    {
        fs::write(&path, npy("<f8", false, shape, &[])).unwrap();
        assert!(matches!(read_real(&path), Err(ArrayError::NotNpy { .. })), "{shape}");
    }
}

#[test]
fn npz_round_trips() {
    let dir = TempDir::new();
    let path = dir.join("a.npz");
    let entries: [(&str, AnyArray); 3] = [
        ("z", Array::new([2, 2], vec![1.0f64, 2.0, 3.0, 4.0]).unwrap().into()),
        ("seed.loss", Array::new([1], vec![0.5f32]).unwrap().into()),
        ("labels", Array::new([2], vec![1i64, 0]).unwrap().into()),
    ];
    write_npz(&path, &entries).unwrap();
    let first = fs::read(&path).unwrap();
    write_npz(&path, &entries).unwrap();
    assert_eq!(fs::read(&path).unwrap(), first, "the same entries give the same bytes");

    let mut file = Npz::open(&path).unwrap();
    assert_eq!(file.names(), ["z", "seed.loss", "labels"]);
    assert_eq!(AnyArray::from(file.get::<f64>("z").unwrap()), entries[0].1);
    assert_eq!(AnyArray::from(file.get::<f32>("seed.loss").unwrap()), entries[1].1);
    assert_eq!(AnyArray::from(file.get::<i64>("labels").unwrap()), entries[2].1);

    assert_eq!(
        message(&dir, file.get::<f64>("labels")),
        "a.npz, array \"labels\": int64 found, float64 expected; save it with .astype(np.float64)"
    );
    assert_eq!(message(&dir, file.get::<f64>("x")), "a.npz: no array \"x\"; it holds: z, seed.loss, labels");
    let twice = [("a", entries[0].1.clone()), ("a", entries[0].1.clone())];
    assert!(matches!(write_npz(&path, &twice), Err(ArrayError::BadName { .. })));
    assert_eq!(fs::read(&path).unwrap(), first, "a failed write leaves the old file");
}

#[test]
fn damaged_npz_files_are_errors() {
    let dir = TempDir::new();
    let path = dir.join("a.npz");
    fs::write(&path, b"not a zip file").unwrap();
    assert!(matches!(Npz::open(&path), Err(ArrayError::NotNpz { .. })));

    let array = Array::new([100], (0..100).map(f64::from).collect()).unwrap();
    write_npz(&path, &[("a", array.clone().into())]).unwrap();
    let good = fs::read(&path).unwrap();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x55;
        fs::write(&path, &bad).unwrap();
        // The zip file's checksum guards the numbers: an error, or the right ones.
        if let Ok(found) = Npz::open(&path).and_then(|mut file| file.get::<f64>("a")) {
            assert_eq!(found, array, "byte {at}");
        }
        fs::write(&path, &good[..at]).unwrap();
        assert!(Npz::open(&path).and_then(|mut file| file.get::<f64>("a")).is_err(), "cut to {at} bytes");
    }
}

#[test]
fn a_shape_must_hold_its_data() {
    assert!(matches!(Array::new([2, 2], vec![0.0f32; 3]), Err(ArrayError::Shape { .. })));
    let dir = TempDir::new();
    let wrong = Array { shape: vec![usize::MAX, 2], data: vec![0.0f32] };
    assert!(matches!(write_npy(dir.join("a.npy"), &wrong), Err(ArrayError::Shape { .. })));
}

/// Losses and gradients of published implementations, saved by NumPy; not in the repository.
#[test]
fn files_of_numpy_are_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/oracle");
    let Ok(entries) = fs::read_dir(&folder) else {
        eprintln!("skipped: no files at {}", folder.display());
        return;
    };
    let mut arrays = 0;
    for entry in entries {
        let path = entry.unwrap().path().join("data.npz");
        if !path.is_file() {
            continue;
        }
        let mut file = Npz::open(&path).unwrap();
        for name in file.names().to_vec() {
            match file.get::<f64>(&name) {
                Ok(_) => {}
                Err(ArrayError::Dtype { found, .. }) if found == "int64" => {
                    drop(file.get::<i64>(&name).unwrap())
                }
                Err(error) => panic!("{error}"),
            }
            arrays += 1;
        }
    }
    eprintln!("{arrays} arrays read");
}

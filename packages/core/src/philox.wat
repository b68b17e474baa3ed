;; Philox4x32-10 over consecutive counters: products of 64 bits are one instruction here, and a dozen in JavaScript.
;; tooling/philox/compile.ts turns this into philox-wasm.ts.
(module
  (memory (export "memory") 1) ;; 64 KiB: 4096 blocks

  ;; Writes the blocks of the counters (first + i, c1, c2, c3), i < count, to the start of the memory.
  (func (export "fill")
    (param $first i32) (param $count i32)
    (param $c1 i32) (param $c2 i32) (param $c3 i32)
    (param $k0 i32) (param $k1 i32)
    (local $at i32) (local $end i32) (local $round i32)
    (local $x0 i32) (local $x1 i32) (local $x2 i32) (local $x3 i32)
    (local $key0 i32) (local $key1 i32)
    (local $product0 i64) (local $product1 i64)
    (local.set $end (i32.shl (local.get $count) (i32.const 4)))
    (loop $block
      (if (i32.ge_u (local.get $at) (local.get $end)) (then (return)))
      (local.set $x0 (local.get $first))
      (local.set $x1 (local.get $c1))
      (local.set $x2 (local.get $c2))
      (local.set $x3 (local.get $c3))
      (local.set $key0 (local.get $k0))
      (local.set $key1 (local.get $k1))
      (local.set $round (i32.const 10))
      (loop $rounds
        (local.set $product0 (i64.mul (i64.extend_i32_u (local.get $x0)) (i64.const 0xd2511f53)))
        (local.set $product1 (i64.mul (i64.extend_i32_u (local.get $x2)) (i64.const 0xcd9e8d57)))
        (local.set $x0
          (i32.xor
            (i32.xor (i32.wrap_i64 (i64.shr_u (local.get $product1) (i64.const 32))) (local.get $x1))
            (local.get $key0)))
        (local.set $x1 (i32.wrap_i64 (local.get $product1)))
        (local.set $x2
          (i32.xor
            (i32.xor (i32.wrap_i64 (i64.shr_u (local.get $product0) (i64.const 32))) (local.get $x3))
            (local.get $key1)))
        (local.set $x3 (i32.wrap_i64 (local.get $product0)))
        (local.set $key0 (i32.add (local.get $key0) (i32.const 0x9e3779b9)))
        (local.set $key1 (i32.add (local.get $key1) (i32.const 0xbb67ae85)))
        (br_if $rounds (local.tee $round (i32.sub (local.get $round) (i32.const 1)))))
      (i32.store (local.get $at) (local.get $x0))
      (i32.store offset=4 (local.get $at) (local.get $x1))
      (i32.store offset=8 (local.get $at) (local.get $x2))
      (i32.store offset=12 (local.get $at) (local.get $x3))
      (local.set $first (i32.add (local.get $first) (i32.const 1)))
      (local.set $at (i32.add (local.get $at) (i32.const 16)))
      (br $block))))

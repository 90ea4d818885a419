;; Fails with a list of a million pairs of strings in `extra`, all of them the same 64 KiB of its
;; memory: 31 MiB of guest would be 128 GiB of host.
(module
  ;; `err`, and of the failure its `extra`: where it is, how long it is.
  (data (i32.const 0) "\01")
  (data (i32.const 56) "\00\00\02\00" "\40\42\0f\00")
  (func (export "portcullis:plugin/provider@0.1.0#[static]exchange.start")
    (param i32) (result i32)
    (local $pair i32)
    (drop (memory.grow (i32.const 300)))
    (local.set $pair (i32.const 131072))
    (loop $next
      (i32.store (local.get $pair) (i32.const 65536))
      (i32.store offset=4 (local.get $pair) (i32.const 65536))
      (i32.store offset=8 (local.get $pair) (i32.const 65536))
      (i32.store offset=12 (local.get $pair) (i32.const 65536))
      (local.set $pair (i32.add (local.get $pair) (i32.const 16)))
      (br_if $next (i32.lt_u (local.get $pair) (i32.const 16131072))))
    (i32.const 0))

  ;; The well-behaved rest. A result of all zeros reads as `ok`, and as empty.
  (memory (export "memory") 2)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 65536))
  (func (export "portcullis:plugin/provider@0.1.0#describe") (result i32) (i32.const 2048))
  (func (export "portcullis:plugin/provider@0.1.0#configure") (param i32 i32) (result i32)
    (i32.const 2048))
  (func (export "portcullis:plugin/provider@0.1.0#[method]exchange.head")
    (param i32 i32 i32 i32) (result i32) (i32.const 2048))
  (func (export "portcullis:plugin/provider@0.1.0#[method]exchange.frames")
    (param i32 i32 i32) (result i32) (i32.const 2048))
  (func (export "portcullis:plugin/provider@0.1.0#[method]exchange.end")
    (param i32) (result i32) (i32.const 2048))
  (func (export "portcullis:plugin/provider@0.1.0#refused")
    (param i32 i32 i32 i32 i32) (result i32) (i32.const 2048))
  (func (export "portcullis:plugin/provider@0.1.0#list-models-call") (result i32)
    (i32.const 2048))
  (func (export "portcullis:plugin/provider@0.1.0#read-models")
    (param i32 i32 i32 i32 i32) (result i32) (i32.const 2048))
)

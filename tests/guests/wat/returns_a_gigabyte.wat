;; Fails with a message of 1 GiB less 2 MiB, which it need not write: untouched memory is zero, and
;; zeros are UTF-8. It has the memory for it only where the operator allows 1 GiB.
(module
  ;; `err`, and of the failure its message: where it is, how long it is.
  (data (i32.const 0) "\01")
  (data (i32.const 12) "\00\00\01\00" "\00\00\e0\3f")
  (func (export "portcullis:plugin/provider@0.1.0#[static]exchange.start")
    (param i32) (result i32)
    (drop (memory.grow (i32.const 16360)))
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

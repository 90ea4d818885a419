;; Grows a table without end. Rust has no word for it.
(module
  (table $table 1 funcref)
  (func (export "portcullis:plugin/provider@0.1.0#[static]exchange.start")
    (param i32) (result i32)
    (loop $again
      (drop (table.grow $table (ref.null func) (i32.const 1000)))
      (br $again))
    (unreachable))

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

;; Answers the first frames with as many events as fit into 1 GiB, none of which it writes:
;; untouched memory is zero, and zeros are events. On the host they would take as much again.
(module
  (import "[export]portcullis:plugin/provider@0.1.0" "[resource-new]exchange"
    (func $exchange (param i32) (result i32)))
  ;; The list of events: `ok`, where it is, how long it is.
  (data (i32.const 8) "\00\00\02\00" "\c0\cf\6a\00")
  ;; An exchange and its call: `ok`, the handle at 264, `http`; method and path.
  (data (i32.const 280) "\00\04\00\00\04\00\00\00" "\04\04\00\00\11\00\00\00")
  ;; One header; `bytes`, where they are, how many; server-sent events.
  (data (i32.const 296) "\00\06\00\00\01\00\00\00" "\01\00\00\00\00\05\00\00\4a\00\00\00" "\01")
  (data (i32.const 1024) "POST/chat/completions")
  (data (i32.const 1280) "{\"model\":\"echo\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}")
  (data (i32.const 1536) "\10\06\00\00\0c\00\00\00" "\1c\06\00\00\10\00\00\00")
  (data (i32.const 1552) "content-typeapplication/json")
  (func (export "portcullis:plugin/provider@0.1.0#[static]exchange.start")
    (param i32) (result i32)
    (i32.store (i32.const 264) (call $exchange (i32.const 1)))
    (i32.const 256))
  (func (export "portcullis:plugin/provider@0.1.0#[method]exchange.frames")
    (param i32 i32 i32) (result i32)
    (drop (memory.grow (i32.const 16000)))
    (i32.const 0))

  ;; The well-behaved rest. A result of all zeros reads as `ok`, and as empty.
  (memory (export "memory") 2)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 65536))
  (func (export "portcullis:plugin/provider@0.1.0#describe") (result i32) (i32.const 2048))
  (func (export "portcullis:plugin/provider@0.1.0#configure") (param i32 i32) (result i32)
    (i32.const 2048))
  (func (export "portcullis:plugin/provider@0.1.0#[method]exchange.head")
    (param i32 i32 i32 i32) (result i32) (i32.const 2048))
  (func (export "portcullis:plugin/provider@0.1.0#[method]exchange.end")
    (param i32) (result i32) (i32.const 2048))
  (func (export "portcullis:plugin/provider@0.1.0#refused")
    (param i32 i32 i32 i32 i32) (result i32) (i32.const 2048))
  (func (export "portcullis:plugin/provider@0.1.0#list-models-call") (result i32)
    (i32.const 2048))
  (func (export "portcullis:plugin/provider@0.1.0#read-models")
    (param i32 i32 i32 i32 i32) (result i32) (i32.const 2048))
)

// SPDX-License-Identifier: Apache-2.0
// Generated from abi/casemate.rdl by abi/generate.py: do not edit; run `cargo xtask abi`.
// The hardware's view of each field, for the test that writes them in Rust.
module submission_fields import casemate_abi_pkg::*; (
  input  submission_t value_i,
  output logic [7:0] opcode_o,
  output logic [0:0] src_sgl_o,
  output logic [0:0] dst_sgl_o,
  output logic [0:0] aad_inline_o,
  output logic [1:0] tag_mode_o,
  output logic [2:0] reserved0_o,
  output logic [4:0] tag_len_o,
  output logic [0:0] reserved1_o,
  output logic [9:0] iv_len_o,
  output logic [15:0] slot_o,
  output logic [15:0] generation_o,
  output logic [31:0] cookie_o,
  output logic [31:0] pay_len_o,
  output logic [31:0] src_lo_o,
  output logic [31:0] src_hi_o,
  output logic [31:0] dst_lo_o,
  output logic [31:0] dst_hi_o,
  output logic [31:0] aad_len_o,
  output logic [31:0] iv0_o,
  output logic [31:0] iv1_o,
  output logic [31:0] iv2_o,
  output logic [31:0] aad0_o,
  output logic [31:0] aad1_o,
  output logic [31:0] aad2_o,
  output logic [31:0] aad3_o
);
  assign opcode_o = value_i.opcode;
  assign src_sgl_o = value_i.src_sgl;
  assign dst_sgl_o = value_i.dst_sgl;
  assign aad_inline_o = value_i.aad_inline;
  assign tag_mode_o = value_i.tag_mode;
  assign reserved0_o = value_i.reserved0;
  assign tag_len_o = value_i.tag_len;
  assign reserved1_o = value_i.reserved1;
  assign iv_len_o = value_i.iv_len;
  assign slot_o = value_i.slot;
  assign generation_o = value_i.generation;
  assign cookie_o = value_i.cookie;
  assign pay_len_o = value_i.pay_len;
  assign src_lo_o = value_i.src_lo;
  assign src_hi_o = value_i.src_hi;
  assign dst_lo_o = value_i.dst_lo;
  assign dst_hi_o = value_i.dst_hi;
  assign aad_len_o = value_i.aad_len;
  assign iv0_o = value_i.iv0;
  assign iv1_o = value_i.iv1;
  assign iv2_o = value_i.iv2;
  assign aad0_o = value_i.aad0;
  assign aad1_o = value_i.aad1;
  assign aad2_o = value_i.aad2;
  assign aad3_o = value_i.aad3;
endmodule
module completion_fields import casemate_abi_pkg::*; (
  input  completion_t value_i,
  output logic [31:0] result0_o,
  output logic [31:0] result1_o,
  output logic [31:0] result2_o,
  output logic [31:0] result3_o,
  output logic [31:0] cookie_o,
  output logic [31:0] bytes_o,
  output logic [15:0] sq_head_o,
  output logic [7:0] queue_id_o,
  output logic [7:0] reserved0_o,
  output logic [7:0] status_o,
  output logic [22:0] reserved1_o,
  output logic [0:0] phase_o
);
  assign result0_o = value_i.result0;
  assign result1_o = value_i.result1;
  assign result2_o = value_i.result2;
  assign result3_o = value_i.result3;
  assign cookie_o = value_i.cookie;
  assign bytes_o = value_i.bytes;
  assign sq_head_o = value_i.sq_head;
  assign queue_id_o = value_i.queue_id;
  assign reserved0_o = value_i.reserved0;
  assign status_o = value_i.status;
  assign reserved1_o = value_i.reserved1;
  assign phase_o = value_i.phase;
endmodule
module sg_element_fields import casemate_abi_pkg::*; (
  input  sg_element_t value_i,
  output logic [31:0] addr_lo_o,
  output logic [31:0] addr_hi_o,
  output logic [31:0] len_o,
  output logic [31:0] reserved0_o
);
  assign addr_lo_o = value_i.addr_lo;
  assign addr_hi_o = value_i.addr_hi;
  assign len_o = value_i.len;
  assign reserved0_o = value_i.reserved0;
endmodule
module key_attributes_fields import casemate_abi_pkg::*; (
  input  key_attributes_t value_i,
  output logic [7:0] key_type_o,
  output logic [7:0] domain_o,
  output logic [15:0] usage_bits_o,
  output logic [15:0] generation_o,
  output logic [1:0] iv_policy_o,
  output logic [1:0] reserved0_o,
  output logic [2:0] origin_o,
  output logic [0:0] valid_o,
  output logic [6:0] key_len_o,
  output logic [0:0] reserved1_o,
  output logic [31:0] limit_o,
  output logic [31:0] used_o,
  output logic [31:0] label0_o,
  output logic [31:0] label1_o,
  output logic [31:0] label2_o,
  output logic [31:0] reserved2_o
);
  assign key_type_o = value_i.key_type;
  assign domain_o = value_i.domain;
  assign usage_bits_o = value_i.usage_bits;
  assign generation_o = value_i.generation;
  assign iv_policy_o = value_i.iv_policy;
  assign reserved0_o = value_i.reserved0;
  assign origin_o = value_i.origin;
  assign valid_o = value_i.valid;
  assign key_len_o = value_i.key_len;
  assign reserved1_o = value_i.reserved1;
  assign limit_o = value_i.limit;
  assign used_o = value_i.used;
  assign label0_o = value_i.label0;
  assign label1_o = value_i.label1;
  assign label2_o = value_i.label2;
  assign reserved2_o = value_i.reserved2;
endmodule

// SPDX-License-Identifier: Apache-2.0
//
// Decides whether a queue may do what its descriptor asks: the one place where that is decided. Nothing behind it checks again.
// The order of the checks is part of the binary interface (abi/README.md). A slot is empty from the moment its KEY_LOAD or
// KEY_DESTROY is let through until that is completed.
module guard
  import casemate_abi_pkg::*;
  import gcm_pkg::*;
  import casemate_pkg::*;
#(
  parameter  int unsigned SLOTS  = 64,
  parameter  int unsigned QUEUES = 8,
  localparam int unsigned QW     = $clog2(QUEUES)
) (
  input  logic              clk_i,
  input  logic              rst_ni,
  input  logic              wipe_i,           // zeroized: stays until reset
  input  logic              sub_valid_i,
  output logic              sub_ready_o,
  input  logic [QW-1:0]     sub_queue_i,
  input  submission_t       sub_i,
  input  logic [7:0]        domain_i[QUEUES],
  input  logic [QUEUES-1:0] resetting_i,
  // The slot's public half, one cycle after its number.
  output logic [15:0]       slot_o,
  input  slot_meta_t        meta_i,
  // Words of the key window that were written.
  input  logic [7:0]        window_i,
  input  logic              sealed_i,
  output logic              window_clear_o,
  // One of three ways out.
  output logic              chan_valid_o,
  input  logic              chan_ready_i,
  output chan_req_t         chan_o,
  output logic              key_valid_o,
  input  logic              key_ready_i,
  output key_req_t          key_o,
  output logic              cpl_valid_o,
  input  logic              cpl_ready_i,
  output cpl_t              cpl_o
);
  typedef enum logic [1:0] {IDLE, LOOK, DECIDE, SEND} state_e;
  state_e        state_q;
  submission_t   sub_q;
  logic [QW-1:0] queue_q;
  status_e       verdict_q;

  logic is_gcm, is_load, is_destroy, is_key, is_nop;
  assign is_gcm     = sub_q.opcode == OPCODE_GCM_SEAL || sub_q.opcode == OPCODE_GCM_OPEN;
  assign is_load    = sub_q.opcode == OPCODE_KEY_LOAD;
  assign is_destroy = sub_q.opcode == OPCODE_KEY_DESTROY;
  assign is_key     = is_load || is_destroy;
  assign is_nop     = sub_q.opcode == OPCODE_NOP;

  /* verilator lint_off UNUSEDSIGNAL */  // each check looks at its own fields
  // Flags and lengths, of the descriptor alone.
  function automatic status_e static_checks(submission_t s, logic gcm, logic known);
    logic appended, own, report;
    appended = s.tag_mode == TAG_MODE_APPENDED;
    own      = s.tag_mode == TAG_MODE_ADDRESS;
    report   = s.tag_mode == TAG_MODE_COMPLETION;
    if (!known) return STATUS_BAD_OPCODE;
    if (s.reserved0 != '0 || s.reserved1 != '0) return STATUS_BAD_FLAGS;
    if (!gcm) begin
      // No data: nothing to say about it.
      if (s.src_sgl || s.dst_sgl || s.aad_inline || s.tag_mode != TAG_MODE_APPENDED || s.tag_len != '0 || s.iv_len != '0)
        return STATUS_BAD_FLAGS;
      return STATUS_OK;
    end
    if (!(appended || own || report)) return STATUS_BAD_FLAGS;
    if (report && s.opcode == OPCODE_GCM_OPEN) return STATUS_BAD_FLAGS;
    if (s.iv_len != 10'd12 && s.iv2 != '0) return STATUS_BAD_FLAGS;
    if (!(s.tag_len inside {5'd4, 5'd8, [5'd12 : 5'd16]})) return STATUS_BAD_TAG_LEN;
    if (s.iv_len == '0) return STATUS_BAD_IV_LEN;
    if (s.aad_inline && s.aad_len > (own ? 32'd8 : 32'd16)) return STATUS_BAD_AAD_LEN;
    return STATUS_OK;
  endfunction

  function automatic status_e gcm_checks(submission_t s, slot_meta_t m, logic [7:0] domain);
    if (32'(s.slot) >= SLOTS) return STATUS_SLOT_RANGE;
    if (!m.valid) return STATUS_SLOT_EMPTY;
    if (m.domain != domain) return STATUS_SLOT_DOMAIN;
    if (m.generation != s.generation) return STATUS_SLOT_GENERATION;
    if (!m.usage_bits[s.opcode == OPCODE_GCM_SEAL ? USAGE_ENCRYPT : USAGE_DECRYPT]) return STATUS_SLOT_USAGE;
    return STATUS_OK;
  endfunction

  function automatic status_e key_checks(submission_t s, slot_meta_t m, logic officer, logic load, logic [7:0] window,
                                         logic sealed);
    logic [7:0] words;
    words = s.aad0[7:0] == KEY_TYPE_AES_128 ? 8'h0f : s.aad0[7:0] == KEY_TYPE_AES_192 ? 8'h3f : 8'hff;
    if (!officer) return STATUS_NOT_OFFICER;
    if (load && sealed) return STATUS_SEALED;
    if (32'(s.slot) >= SLOTS) return STATUS_SLOT_RANGE;
    if (!load) begin
      if (!m.valid) return STATUS_SLOT_EMPTY;
      if (m.generation != s.generation) return STATUS_SLOT_GENERATION;
      return STATUS_OK;
    end
    if (!(s.aad0[7:0] inside {KEY_TYPE_AES_128, KEY_TYPE_AES_192, KEY_TYPE_AES_256})) return STATUS_BAD_KEY_TYPE;
    if ((window & words) != words) return STATUS_KEY_WINDOW;
    if (m.generation == 16'hffff) return STATUS_SLOT_RETIRED;
    return STATUS_OK;
  endfunction

  /* verilator lint_on UNUSEDSIGNAL */

  status_e fixed, verdict;
  always_comb begin
    fixed   = static_checks(sub_q, is_gcm, is_gcm || is_key || is_nop);
    verdict = fixed;
    if (fixed == STATUS_OK && is_gcm) verdict = gcm_checks(sub_q, meta_i, domain_i[queue_q]);
    if (fixed == STATUS_OK && is_key) verdict = key_checks(sub_q, meta_i, queue_q == '0, is_load, window_i, sealed_i);
    if (resetting_i[queue_q]) verdict = STATUS_ABORTED;
    if (wipe_i && !is_nop) verdict = STATUS_ZEROIZED;
  end

  logic good;
  assign good         = verdict_q == STATUS_OK;
  assign slot_o       = sub_q.slot;
  assign sub_ready_o  = state_q == IDLE;
  assign chan_valid_o = state_q == SEND && good && is_gcm;
  assign key_valid_o  = state_q == SEND && good && is_key;
  assign cpl_valid_o  = state_q == SEND && (!good || is_nop);
  key_size_e size_q;
  slot_meta_t meta;
  assign chan_o = '{queue_idx: QUEUE_IDX_W'(queue_q), key_size: size_q, sub: sub_q};
  always_comb begin
    meta = '{valid: 1'b1, key_type: sub_q.aad0[7:0], domain: sub_q.aad0[15:8], usage_bits: sub_q.aad0[31:16], generation: '0};
    key_o = '{queue_idx: QUEUE_IDX_W'(queue_q), cookie: sub_q.cookie, destroy: is_destroy, slot: sub_q.slot, meta: meta};
  end
  assign cpl_o = '{queue_idx: QUEUE_IDX_W'(queue_q), cookie: sub_q.cookie, status: verdict_q, bytes: '0, result: '0};
  // The officer's load uses the window up, whatever became of it.
  assign window_clear_o = state_q == SEND && is_load && queue_q == '0 && verdict_q != STATUS_ABORTED
      && (key_valid_o ? key_ready_i : cpl_valid_o && cpl_ready_i);

  always_ff @(posedge clk_i) begin
    unique case (state_q)
      IDLE:
      if (sub_valid_i) begin
        sub_q   <= sub_i;
        queue_q <= sub_queue_i;
        state_q <= LOOK;
      end
      // A key operation waits for the one before it, so that it sees its outcome.
      LOOK: if (!is_key || key_ready_i) state_q <= DECIDE;
      DECIDE: begin
        verdict_q <= verdict;
        size_q    <= meta_i.key_type == KEY_TYPE_AES_128 ? KEY_128 : meta_i.key_type == KEY_TYPE_AES_192 ? KEY_192 : KEY_256;
        state_q   <= SEND;
      end
      SEND:
      if ((chan_valid_o && chan_ready_i) || (key_valid_o && key_ready_i) || (cpl_valid_o && cpl_ready_i)) state_q <= IDLE;
      // What still waits to go in is refused.
      else if (wipe_i && !cpl_valid_o) verdict_q <= STATUS_ZEROIZED;
      default: state_q <= IDLE;
    endcase
    if (!rst_ni) state_q <= IDLE;
  end
endmodule

// SPDX-License-Identifier: Apache-2.0
//
// Walks one buffer, flat or scatter-gather, as chunks that stay inside 256-byte blocks of memory. A list is read in aligned
// 256-byte pieces of up to 16 elements, as far as the buffer's length needs. While wipe_i, pieces are overwritten as soon as they are
// done with: what lay beside a list came with it.
module dma_walker
  import casemate_abi_pkg::*;
  import casemate_pkg::*;
#(
  parameter  int unsigned DW  = 256,
  localparam int unsigned LB  = $clog2(DW / 8),
  localparam int unsigned EPB = DW / 128           // list elements a beat
) (
  input  logic          clk_i,
  input  logic          rst_ni,
  input  logic          wipe_i,
  input  logic          start_valid_i,
  output logic          start_ready_o,
  input  logic [63:0]   start_addr_i,
  input  logic [32:0]   start_bytes_i,  // at least 1
  input  logic          start_sgl_i,
  output logic          chunk_valid_o,
  input  logic          chunk_ready_i,
  output chunk_t        chunk_o,
  input  logic          kill_i,         // give up; over when idle_o
  output logic          idle_o,
  // Reads of the list; their answer is always taken.
  output logic          ar_valid_o,
  input  logic          ar_ready_i,
  output logic [63:0]   ar_addr_o,
  output logic [7:0]    ar_len_o,
  input  logic          r_valid_i,
  input  logic [DW-1:0] r_data_i,
  input  logic          r_err_i,
  input  logic          r_last_i
);
  typedef enum logic [2:0] {IDLE, RUN, FETCH, WAIT, ELEM, CHECK, FAIL, DRAIN} state_e;
  state_e      state_q;
  logic [63:0] addr_q, list_q;      // next byte; next element
  logic [32:0] run_q, total_q;      // bytes left in this run, in the buffer
  logic        fetch_err_q;
  walk_e       err_q;
  sg_element_t elem_q;

  // The list's piece at hand.
  logic [DW-1:0]      piece_q[16/EPB];
  logic [3:0]         put_q;        // element the next beat starts with
  logic               blank, piece_write;
  assign blank       = wipe_i && (state_q == IDLE || state_q == DRAIN);
  assign piece_write = (state_q == WAIT && r_valid_i) || blank;

  logic [8:0]  room;
  logic        run_fits, ends_run, ends_all;
  logic [8:0]  bytes;
  assign room     = 9'd256 - 9'(addr_q[7:0]);
  assign run_fits = run_q <= 33'(room);
  assign bytes    = run_fits ? run_q[8:0] : room;
  assign ends_run = run_fits;
  assign ends_all = run_fits && run_q == total_q;

  assign chunk_valid_o = state_q == RUN || state_q == FAIL;
  always_comb begin
    chunk_o.addr  = state_q == FAIL ? list_q : addr_q;
    chunk_o.bytes = bytes;
    chunk_o.last  = state_q == FAIL || ends_all;
    chunk_o.err   = state_q == FAIL ? err_q : WALK_OK;
  end
  assign idle_o        = state_q == IDLE;
  assign start_ready_o = (state_q == IDLE || (state_q == RUN && chunk_ready_i && ends_all)) && !kill_i;

  logic [63:0] list_beat;
  assign list_beat  = {list_q[63:LB], LB'(0)};
  assign ar_valid_o = state_q == FETCH;
  assign ar_addr_o  = list_beat;
  assign ar_len_o   = 8'((9'd256 - 9'(list_beat[7:0])) >> LB) - 8'd1;

  logic [DW-1:0] piece;
  sg_element_t   picked;
  if (EPB == 1) begin : g_one
    assign piece  = piece_q[list_q[7:4]];
    assign picked = piece;
  end else begin : g_many
    localparam int unsigned LE = $clog2(EPB);
    assign piece  = piece_q[list_q[7:4+LE]];
    assign picked = piece[128*list_q[4+:LE]+:128];
  end

  always_ff @(posedge clk_i) begin
    if (piece_write) begin
      piece_q[put_q[3:$clog2(EPB)]] <= blank ? '0 : r_data_i;
      put_q       <= put_q + 4'(EPB);
      fetch_err_q <= fetch_err_q | r_err_i;
    end
    unique case (state_q)
      RUN:
      if (chunk_ready_i) begin
        addr_q  <= addr_q + 64'(bytes);
        run_q   <= run_q - 33'(bytes);
        total_q <= total_q - 33'(bytes);
        if (ends_all) state_q <= IDLE;
        else if (ends_run) state_q <= list_q[7:4] == 4'd0 ? FETCH : ELEM;
      end
      FETCH: begin
        put_q       <= list_beat[7:4];
        fetch_err_q <= 1'b0;
        if (ar_ready_i) state_q <= WAIT;
      end
      WAIT:
      if (r_valid_i && r_last_i) begin
        err_q   <= WALK_BUS;
        state_q <= (fetch_err_q || r_err_i) ? FAIL : ELEM;
      end
      ELEM: begin
        elem_q  <= picked;
        state_q <= CHECK;
      end
      CHECK:
      if (elem_q.len == '0 || elem_q.reserved0 != '0) begin
        err_q   <= WALK_BAD;
        state_q <= FAIL;
      end else begin
        addr_q  <= {elem_q.addr_hi, elem_q.addr_lo};
        run_q   <= 33'(elem_q.len) < total_q ? 33'(elem_q.len) : total_q;
        list_q  <= list_q + 64'd16;
        state_q <= RUN;
      end
      FAIL: if (chunk_ready_i) state_q <= IDLE;
      DRAIN: if (r_valid_i && r_last_i) state_q <= IDLE;
      default: ;
    endcase
    if (kill_i) begin
      unique case (state_q)
        FETCH: state_q <= ar_ready_i ? DRAIN : IDLE;
        WAIT: state_q <= (r_valid_i && r_last_i) ? IDLE : DRAIN;
        DRAIN: ;
        default: state_q <= IDLE;
      endcase
    end
    if (start_valid_i && start_ready_o) begin
      addr_q  <= start_addr_i;
      list_q  <= start_addr_i;
      run_q   <= start_bytes_i;
      total_q <= start_bytes_i;
      err_q   <= WALK_BAD;
      state_q <= !start_sgl_i ? RUN : start_addr_i[3:0] != '0 ? FAIL : FETCH;
    end
    if (!rst_ni) state_q <= IDLE;
  end
endmodule

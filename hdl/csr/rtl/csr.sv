// SPDX-License-Identifier: Apache-2.0
//
// AXI4-Lite slave: device registers, counters and the key window here, queue pages in `queues`. One access at a time. An access
// that is not aligned, not of 32 bits, to no register, or a write to a read-only one answers SLVERR and changes nothing.
module csr
  import casemate_abi_pkg::*;
  import gcm_pkg::*;
  import casemate_pkg::*;
#(
  parameter  int unsigned DW      = 256,
  parameter  int unsigned LANES   = 1,
  parameter  int unsigned SLOTS   = 64,
  parameter  int unsigned QUEUES  = 8,
  parameter  int unsigned RD_TAGS = 64,
  parameter  sbox_e       SBOX    = SBOX_TABLE,
  parameter  int unsigned EC_ENGINES = 0,
  localparam int unsigned QW      = $clog2(QUEUES)
) (
  input  logic             clk_i,
  input  logic             rst_ni,
  input  logic             s_axil_awvalid_i,
  output logic             s_axil_awready_o,
  input  logic [19:0]      s_axil_awaddr_i,
  input  logic             s_axil_wvalid_i,
  output logic             s_axil_wready_o,
  input  logic [31:0]      s_axil_wdata_i,
  input  logic [3:0]       s_axil_wstrb_i,
  output logic             s_axil_bvalid_o,
  input  logic             s_axil_bready_i,
  output logic [1:0]       s_axil_bresp_o,
  input  logic             s_axil_arvalid_i,
  output logic             s_axil_arready_o,
  input  logic [19:0]      s_axil_araddr_i,
  output logic             s_axil_rvalid_o,
  input  logic             s_axil_rready_i,
  output logic [31:0]      s_axil_rdata_o,
  output logic [1:0]       s_axil_rresp_o,
  // queues
  output logic             reg_valid_o,
  output logic             reg_bind_o,
  output logic             reg_write_o,
  output logic [QW-1:0]    reg_queue_o,
  output logic [11:0]      reg_off_o,
  output logic [31:0]      reg_wdata_o,
  input  logic [31:0]      reg_rdata_i,
  input  logic             reg_err_i,
  output logic             clear_counters_o,
  output logic             sealed_o,
  // Zeroize: by command, tamper or a failed self-test; final until reset.
  output logic             wipe_o,
  input  logic             wiped_i,          // nothing is left
  input  logic             selftest_done_i,
  input  logic             selftest_ok_i,    // when done
  // Key window: a word, two cycles after its number; nothing is written to it while hold, whoever writes waits.
  input  logic             window_hold_i,
  input  logic [2:0]       window_at_i,
  output logic [63:0]      window_o,
  output logic [15:0]      window_words_o,
  input  logic             window_clear_i,
  // Status and events.
  input  logic             tamper_i,
  input  logic             entropy_error_i,
  input  logic             any_error_i,
  input  logic             any_busy_i,
  input  logic             req_in_i,
  input  logic             req_out_i,
  input  logic             req_err_i,
  input  logic [8:0]       bytes_in_i[LANES],
  input  logic [8:0]       bytes_out_i[LANES],
  input  logic [LANES-1:0] busy_i,
  input  logic [LANES-1:0] stall_in_i,
  input  logic [LANES-1:0] stall_out_i
);
  // ---------------------------------------------------------------- access
  typedef enum logic [2:0] {IDLE, ACCESS, ANSWER, WRITTEN, READ} state_e;
  state_e      state_q;
  logic        write_q, bad_q;
  logic [19:0] addr_q;
  logic [31:0] wdata_q;
  logic        take_write, take_read, held;
  assign take_write       = state_q == IDLE && s_axil_awvalid_i && s_axil_wvalid_i;
  assign take_read        = state_q == IDLE && s_axil_arvalid_i && !take_write;
  assign s_axil_awready_o = take_write;
  assign s_axil_wready_o  = take_write;
  assign s_axil_arready_o = take_read;

  logic own_err, own, is_page, is_bind, exists, bind_sealed;
  logic [31:0] own_data, own_q;
  assign is_page = addr_q >= REG_QUEUE_SQ_TAIL;
  assign is_bind = addr_q >= REG_QUEUE_BIND && addr_q < REG_QUEUE_BIND + 20'h100;
  assign own     = !is_page && !is_bind;
  /* verilator lint_off UNUSEDSIGNAL */
  logic [5:0] number;
  /* verilator lint_on UNUSEDSIGNAL */
  assign number      = is_bind ? addr_q[7:2] : 6'(addr_q[19:12] - 8'h10);
  assign exists      = is_bind ? 32'(addr_q[7:2]) < QUEUES : 32'(addr_q[19:12] - 8'h10) < QUEUES;
  assign bind_sealed = is_bind && write_q && sealed_o;
  assign reg_valid_o = state_q == ACCESS && !own && exists && !bad_q && !bind_sealed;
  assign reg_bind_o  = is_bind;
  assign reg_write_o = write_q;
  assign reg_queue_o = number[QW-1:0];
  assign reg_off_o   = addr_q[11:0];
  assign reg_wdata_o = wdata_q;

  always_ff @(posedge clk_i) begin
    unique case (state_q)
      IDLE: begin
        write_q <= take_write;
        addr_q  <= take_write ? s_axil_awaddr_i : s_axil_araddr_i;
        wdata_q <= s_axil_wdata_i;
        bad_q   <= take_write ? s_axil_awaddr_i[1:0] != '0 || s_axil_wstrb_i != '1 : s_axil_araddr_i[1:0] != '0;
        if (take_write || take_read) state_q <= ACCESS;
      end
      ACCESS: if (!held) begin
        bad_q   <= bad_q || (own ? own_err : !exists || bind_sealed);
        wdata_q <= '0;  // it may be a word of a key
        state_q <= ANSWER;
      end
      ANSWER: begin
        // Nothing is told about what does not exist.
        s_axil_bresp_o <= (bad_q || (!own && reg_err_i)) ? 2'b10 : 2'b00;
        s_axil_rresp_o <= (bad_q || (!own && reg_err_i)) ? 2'b10 : 2'b00;
        s_axil_rdata_o <= (bad_q || (!own && reg_err_i)) ? '0 : own ? own_q : reg_rdata_i;
        state_q        <= write_q ? WRITTEN : READ;
      end
      WRITTEN: if (s_axil_bready_i) state_q <= IDLE;
      READ: if (s_axil_rready_i) state_q <= IDLE;
      default: state_q <= IDLE;
    endcase
    if (!rst_ni) begin
      wdata_q <= '0;
      state_q <= IDLE;
    end
  end
  assign s_axil_bvalid_o = state_q == WRITTEN;
  assign s_axil_rvalid_o = state_q == READ;

  // -------------------------------------------------------------- counters
  localparam int unsigned TOTALS = 6;
  localparam int unsigned COUNTERS = TOTALS + 3 * LANES;
  logic [63:0] count_q[COUNTERS];
  logic [15:0] add[COUNTERS];
  logic [31:0] high_q;
  logic        clear;
  always_comb begin
    add[0] = 16'd1;
    add[1] = 16'(req_in_i);
    add[2] = 16'(req_out_i);
    add[3] = 16'(req_err_i);
    add[4] = '0;
    add[5] = '0;
    for (int l = 0; l < int'(LANES); l++) begin
      add[4]            += 16'(bytes_in_i[l]);
      add[5]            += 16'(bytes_out_i[l]);
      add[TOTALS+3*l]   = 16'(busy_i[l]);
      add[TOTALS+3*l+1] = 16'(stall_in_i[l]);
      add[TOTALS+3*l+2] = 16'(stall_out_i[l]);
    end
  end
  always_ff @(posedge clk_i) begin
    for (int c = 0; c < int'(COUNTERS); c++) count_q[c] <= (!rst_ni || clear) ? '0 : count_q[c] + 64'(add[c]);
  end
  // Which counter an address means.
  logic        is_count;
  /* verilator lint_off UNUSEDSIGNAL */
  logic [7:0]  which;
  /* verilator lint_on UNUSEDSIGNAL */
  always_comb begin
    is_count = 1'b0;
    which    = '0;
    if (addr_q >= REG_CYCLES_LO && addr_q <= REG_BYTES_OUT_HI) begin
      is_count = 1'b1;
      which    = 8'(addr_q[5:3]);
    end
    for (int l = 0; l < int'(LANES); l++) begin
      if (addr_q >= REG_LANE_BUSY_LO + 20'(64 * l) && addr_q < REG_LANE_BUSY_LO + 20'(64 * l + 24)) begin
        is_count = 1'b1;
        which    = 8'(TOTALS + 3 * l) + 8'(addr_q[5:3]);
      end
    end
  end

  // ------------------------------------------------------------- registers
  logic [15:0]       written_q;
  logic [15:0][31:0] window_q;
  logic              tamper_q;
  logic              is_window;
  logic [2:0]        window_at_q;
  assign held      = is_window && write_q && window_hold_i;
  assign is_window = addr_q >= REG_KEY_WINDOW && addr_q < REG_KEY_WINDOW + 20'h40;
  always_comb begin
    own_data = '0;
    own_err  = write_q;
    unique case (addr_q)
      REG_ID: own_data = REG_ID_VALUE_RESET;
      REG_VERSION: own_data = {8'd0, REG_VERSION_MAJOR_RESET, REG_VERSION_MINOR_RESET, REG_VERSION_PATCH_RESET};
      REG_CAP0: own_data = {16'(SLOTS), 8'(LANES), 8'(QUEUES)};
      REG_CAP1: own_data = {16'(BURST_BYTES), 8'(RD_TAGS), 8'(DW / 8)};
      REG_CAP2: own_data = {2'd0, 4'(EC_ENGINES), 2'(SBOX), 1'b0, 5'd16, 10'd1023, 8'd12};
      REG_ABI_HASH: own_data = ABI_HASH;
      REG_STATUS: own_data = {23'd0, entropy_error_i, selftest_done_i && !selftest_ok_i, selftest_done_i, wiped_i, sealed_o, any_busy_i,
                              any_error_i, tamper_q, selftest_done_i && !wipe_o};
      REG_CONTROL: own_err = 1'b0;
      default: begin
        if (is_window) own_err = 1'b0;
        else if (is_count) own_data = addr_q[2] ? high_q : count_q[which[$clog2(COUNTERS)-1:0]][31:0];
        else own_err = 1'b1;
      end
    endcase
  end
  logic control;
  assign control          = state_q == ACCESS && write_q && !bad_q && addr_q == REG_CONTROL;
  assign clear            = control && wdata_q[REG_CONTROL_CLEAR_COUNTERS_LSB];
  assign clear_counters_o = clear;
  assign window_words_o   = written_q;
  always_ff @(posedge clk_i) begin
    own_q    <= own_data;
    tamper_q <= rst_ni && (tamper_q || tamper_i);
    // One way: only a reset opens it again.
    sealed_o <= rst_ni && (sealed_o || (control && wdata_q[REG_CONTROL_SEAL_LSB]));
    wipe_o   <= rst_ni && (wipe_o || tamper_i || (control && wdata_q[REG_CONTROL_ZEROIZE_LSB]) || (selftest_done_i && !selftest_ok_i));
    if (state_q == ACCESS && !write_q && is_count && !addr_q[2]) high_q <= count_q[which[$clog2(COUNTERS)-1:0]][63:32];
    window_at_q <= window_at_i;
    window_o    <= {window_q[{window_at_q, 1'b1}], window_q[{window_at_q, 1'b0}]};
    if (state_q == ACCESS && write_q && !bad_q && is_window && !held) begin
      window_q[addr_q[5:2]]  <= wdata_q;
      written_q[addr_q[5:2]] <= 1'b1;
    end
    if (!rst_ni || window_clear_i || wipe_o) begin
      window_q  <= '0;
      window_o  <= '0;
      written_q <= '0;
    end
  end
endmodule

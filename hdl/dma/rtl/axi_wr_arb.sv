// SPDX-License-Identifier: Apache-2.0
//
// Write channels of PORTS users on one AXI4 master, round robin by whole bursts. A user offers an address only when all beats of
// its burst are there, so no burst waits half way. Responses go back by the id's upper bits.
module axi_wr_arb
  import casemate_pkg::*;
#(
  parameter  int unsigned DW    = 256,
  parameter  int unsigned PORTS = 2,
  localparam int unsigned BYTES = DW / 8
) (
  input  logic                clk_i,
  input  logic                rst_ni,
  input  logic [PORTS-1:0]    aw_valid_i,
  output logic [PORTS-1:0]    aw_ready_o,
  input  axi_aw_t             aw_i[PORTS],
  /* verilator lint_off UNUSEDSIGNAL */  // valid whenever it is taken
  input  logic [PORTS-1:0]    w_valid_i,
  /* verilator lint_on UNUSEDSIGNAL */
  output logic [PORTS-1:0]    w_ready_o,
  input  logic [DW-1:0]       w_data_i[PORTS],
  input  logic [BYTES-1:0]    w_strb_i[PORTS],
  output logic [PORTS-1:0]    b_valid_o,
  output logic                b_err_o,
  output logic                m_awvalid_o,
  input  logic                m_awready_i,
  output logic [AXI_ID_W-1:0] m_awid_o,
  output logic [63:0]         m_awaddr_o,
  output logic [7:0]          m_awlen_o,
  output logic                m_wvalid_o,
  input  logic                m_wready_i,
  output logic [DW-1:0]       m_wdata_o,
  output logic [BYTES-1:0]    m_wstrb_o,
  output logic                m_wlast_o,
  input  logic                m_bvalid_i,
  output logic                m_bready_o,
  /* verilator lint_off UNUSEDSIGNAL */  // one id a port
  input  logic [AXI_ID_W-1:0] m_bid_i,
  /* verilator lint_on UNUSEDSIGNAL */
  input  logic                m_berr_i
);
  localparam int unsigned PW = AXI_ID_W - AXI_TAG_W;
  logic [PW-1:0] last_q, pick, now_q;
  logic          any, burst_q, aw_free, w_free, grant, w_take, ends;
  logic [7:0]    left_q;
  assign aw_free = !m_awvalid_o || m_awready_i;
  assign w_free  = !m_wvalid_o || m_wready_i;
  assign w_take  = burst_q && w_free;
  assign ends    = w_take && left_q == '0;
  assign grant   = any && aw_free && (!burst_q || ends);
  axi_aw_t       picked;
  logic [DW-1:0]    data;
  logic [BYTES-1:0] strb;
  always_comb begin
    pick = '0;
    any  = 1'b0;
    for (int p = int'(PORTS) - 1; p >= 0; p--) if (aw_valid_i[p]) begin
      pick = PW'(p);
      any  = 1'b1;
    end
    for (int p = int'(PORTS) - 1; p >= 0; p--) if (aw_valid_i[p] && PW'(p) > last_q) pick = PW'(p);
    picked = aw_i[0];
    data   = w_data_i[0];
    strb   = w_strb_i[0];
    for (int p = 1; p < int'(PORTS); p++) begin
      if (pick == PW'(p)) picked = aw_i[p];
      if (now_q == PW'(p)) data = w_data_i[p];
      if (now_q == PW'(p)) strb = w_strb_i[p];
    end
    for (int p = 0; p < int'(PORTS); p++) begin
      aw_ready_o[p] = grant && pick == PW'(p);
      w_ready_o[p]  = w_take && now_q == PW'(p);
    end
  end
  always_ff @(posedge clk_i) begin
    if (aw_free) m_awvalid_o <= grant;
    if (grant) begin
      m_awid_o   <= {pick, AXI_TAG_W'(0)};
      m_awaddr_o <= picked.addr;
      m_awlen_o  <= picked.len;
      last_q     <= pick;
      now_q      <= pick;
      left_q     <= picked.len;
      burst_q    <= 1'b1;
    end else if (ends) burst_q <= 1'b0;
    if (w_take && !ends) left_q <= left_q - 8'd1;
    if (w_free) begin
      m_wvalid_o <= w_take;
      m_wdata_o  <= data;
      m_wstrb_o  <= strb;
      m_wlast_o  <= left_q == '0;
    end
    for (int p = 0; p < int'(PORTS); p++) b_valid_o[p] <= rst_ni && m_bvalid_i && m_bid_i[AXI_ID_W-1:AXI_TAG_W] == PW'(p);
    b_err_o <= m_berr_i;
    if (!rst_ni) begin
      m_awvalid_o <= 1'b0;
      m_wvalid_o  <= 1'b0;
      burst_q     <= 1'b0;
      last_q      <= '0;
      now_q       <= '0;
    end
  end
  assign m_bready_o = 1'b1;
`ifndef SYNTHESIS
  always_ff @(posedge clk_i) if (rst_ni && w_take) assert (w_valid_i[now_q[$clog2(PORTS)-1:0]]);
`endif
endmodule

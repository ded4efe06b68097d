; SPDX-License-Identifier: Apache-2.0
;
; Microcode of the elliptic-curve engine: README.md, "Microcode", has the language. Field elements are in Montgomery form and not reduced:
; asm.py's checker bounds them. RCB is Renes, Costello, Batina, "Complete addition formulas for prime order elliptic curves" (2016).

.reg X Y Z Z3 e               ; the accumulator; during point operations Z is Z3 + e, added up late
.reg x2 y2 z2                 ; the other point
.reg t0 t1 t2 t3 t4 yy z1 w1 w3 B p m u v z a c s1 s2
.reg f g h                    ; final reduction
.reg d k r s hash ki km rm dm zm lam qx qy x y inv
.reg A[3] P[11] T[48]

; ---- entries, by operation
  jmp sign
  jmp verify
  jmp pubkey
  jmp keygen
  jmp check_point
  jmp ecdh

; ---- sign (FIPS 186-5, 6.4.1)
sign:
  d = in key
  call check_d
  modulus n
  hash = in digest
  f = hash
  call reduce
  hash = f
  hash = canon hash
  out hash 1
  nonce start
sign_nonce:
  k = in nonce
  g = compare k #one
  br ncarry sign_reject
  g = compare k #m
  br carry sign_reject
  jmp sign_go
sign_reject:
  nonce reject
  jmp sign_nonce
sign_go:
  call comb
  call affine
  call on_curve
  f = x
  call final_p
  modulus n
  call reduce
  r = f
  r = canon r
  br zero fault
  km = k * #R2
  call invert_n
  rm = r * #R2
  dm = d * #R2
  zm = hash * #R2
  t0 = rm * dm
  t0 = t0 + zm
  f = inv * t0
  call final_n
  s = f
  s = canon s
  br zero fault
  ; s k = hash + r d, with what is kept in the memory read and multiplied again
  t0 = s * #R2
  rm = r * #R2
  dm = d * #R2
  zm = hash * #R2
  t0 = t0 * km
  t1 = dm * rm
  f = t0 - t1 - zm
  call final_n
  br nzero fault
  out r
  out s
  halt ok
fault:
  halt fault

; ---- private keys: 1 to n - 1
check_d:
  modulus n
  g = compare d #one
  br ncarry bad_key
  g = compare d #m
  br carry bad_key
  ret
bad_key:
  halt key

pubkey:
  d = in key
  call check_d
pubkey_of_d:
  k = d
  k = canon k
  call comb
  call affine
  call on_curve
  f = x
  call final_p
  r = f
  r = canon r
  f = y
  call final_p
  s = f
  s = canon s
  br nzero pubkey_out           ; y is never zero: the order is odd
  halt fault
pubkey_out:
  out r
  out s
  halt ok

; rejection sampling (FIPS 186-5, A.2.2)
keygen:
  d = in random
  modulus n
  g = compare d #one
  br ncarry keygen
  g = compare d #m
  br carry keygen
  k = d
  k = canon k
  call comb
  call affine
  call on_curve
  f = x
  call final_p
  r = f
  r = canon r
  f = y
  call final_p
  s = f
  s = canon s
  d = canon d
  out d 2
  out r
  out s
  halt ok

; ---- points from outside: SP 800-56A Rev. 3, 5.6.2.3.3; the cofactor is 1
get_point:
  x = in word
  y = in word
  modulus p
  g = compare x #m
  br carry bad_point
  g = compare y #m
  br carry bad_point
  x = x * #R2
  y = y * #R2
  qx = x
  qy = y
  call curve_equation
  br nzero bad_point
  ret
bad_point:
  halt point

check_point:
  call get_point
  halt ok

ecdh:
  d = in key
  call check_d
  call get_point
  k = d
  k = canon k
  call multiply_q
  call affine
  call on_curve
  f = x
  call final_p
  f = canon f
  out f 2
  halt ok

; ---- verify (FIPS 186-5, 6.4.2)
verify:
  r = in word
  s = in word
  modulus n
  g = compare r #one
  br ncarry bad_signature
  g = compare r #m
  br carry bad_signature
  g = compare s #one
  br ncarry bad_signature
  g = compare s #m
  br carry bad_signature
  call get_point
  modulus n
  hash = in digest
  km = s * #R2
  call invert_n
  f = inv * hash
  km = inv * r
  call fold_n
  a = f
  a = canon a
  f = km
  call fold_n
  k = f
  k = canon k
  d = a
  d = canon d
  call multiply_q
  Z = Z3 + e
  A[0] = X
  A[1] = Y
  A[2] = Z
  k = d
  k = canon k
  call comb
  x2 = A[0]
  y2 = A[1]
  z2 = A[2]
  call add
  Z = Z3 + e
  f = Z
  call final_p
  br zero bad_signature
  call compare_x
  halt ok
bad_signature:
  halt signature

; returns if r, or r + n where that is below p, is X / Z
compare_x:
  modulus p
  rm = r * #R2
  f = rm * Z
  f = f -16 X
  call final_p
  br zero compare_yes
  modulus n
  t0 = r + #m
  t0 = canon t0
  modulus p
  g = compare t0 #m
  br carry bad_signature
  rm = t0 * #R2
  f = rm * Z
  f = f -16 X
  call final_p
  br nzero bad_signature
compare_yes:
  ret

; ---- final reduction: f out of Montgomery form, below the modulus, canonical; carry and zero as of canon
final_p:
  modulus p
  f = f * #one
  plain
  call fold
  modulus p
  jmp reduce
final_n:
  modulus n
  f = f * #one
fold_n:                         ; f is below m 2^68: its top, times 2^bits - m
  plain
  call fold
  call fold
  call fold
  modulus n
reduce:                         ; f is below 2 m
  g = compare f #m
  f = g?carry + f?ncarry
  f = canon f
  ret
fold:
  g = high f
  h = low f
  g = g * #c
  f = g + h
  ret

; ---- inverses by Fermat: inv = km ^ (n - 2); inv = Z ^ (p - 2)
invert_n:
  br p384 invert_n384
  inv = power km P n256-2
  ret
invert_n384:
  inv = power km P n384-2
  ret

affine:
  Z = Z3 + e
  modulus p
  P[0] = Z * Z
  P[0] = P[0] * Z               ; ones: 2
  t1 = P[0] * P[0]
  t1 = t1 * Z                   ; 3
  t2 = t1
  square t2 3
  t2 = t2 * t1                  ; 6
  t3 = t2
  square t3 6
  t3 = t3 * t2                  ; 12
  square t3 3
  t3 = t3 * t1                  ; 15
  t4 = t3
  square t4 15
  t4 = t4 * t3                  ; 30
  inv = t4
  square inv 2
  inv = inv * P[0]              ; 32
  t2 = inv
  br p384 affine_384
  square t2 32
  t2 = t2 * Z
  square t2 128
  t2 = t2 * inv
  square t2 32
  t2 = t2 * inv
  jmp affine_last
affine_384:
  t2 = t4
  square t2 30
  t2 = t2 * t4                  ; 60
  t0 = t2
  square t0 60
  t0 = t0 * t2                  ; 120
  t2 = t0
  square t2 120
  t2 = t2 * t0                  ; 240
  square t2 15
  t2 = t2 * t3                  ; 255
  square t2 33
  t2 = t2 * inv
  square t2 64
affine_last:
  square t2 30
  t2 = t2 * t4
  square t2 2
  inv = t2 * Z
  x = X * inv
  y = Y * inv
  ret

; halts unless (x, y) is on the curve: in doubt a fault, infinity too
on_curve:
  call curve_equation
  br nzero fault
  ret
curve_equation:
  t0 = x * x
  t1 = y * y
  t0 = t0 - #three
  t0 = t0 * x
  f = t1 - t0 - #b
  jmp final_p

; ---- random factor of projective coordinates
blind:
  modulus p
  lam = in random
  Z3 = lam
  e = #zero
  ret

; ---- k G, 0 <= k < n. The comb: windows of 6 bits, recoded to odd digits -63..63, of which every 3rd (P-256) or 5th (P-384) has a
; table; the passes over the others are moved into place by doublings.
comb:
  modulus n
  t0 = canon k
  t0 = k + #m?even + #w6
  t0 = canon t0
  recode t0 6 0
  call blind
  br p384 comb_384
  sett 128
  setx 2
  call comb_first
  count 0 13
  call comb_pass
  call six
  sett 128
  setx 1
  count 0 14
  call comb_pass
  call six
  sett 128
  setx 0
  count 0 15
  jmp comb_pass
comb_384:
  sett 1088
  setx 4
  call comb_first
  count 0 12
  call comb_pass
  setx 3
  call comb_384_pass
  setx 2
  call comb_384_pass
  setx 1
  call comb_384_pass
  setx 0
comb_384_pass:
  call six
  sett 1088
  count 0 13
comb_pass:
  digit 0
  call look
  call mixed
  call comb_step
  loop 0 comb_pass
  ret
comb_first:
  digit 0
  call look
  X = x2 * lam
  Y = y2 * lam
comb_step:
  addt 64
  br p384 comb_step_384
  addx 3
  ret
comb_step_384:
  addx 5
  ret
six:
  count 2 6
doublings:
  call double
  loop 2 doublings
  ret

look:                           ; the digit's point: every row of the window is read
  x2 = scan @0 32
  y2 = scan @32 32
  y2 = y2?pos - y2?neg
  ret

; ---- RCB algorithm 5: (X:Y:Z) + (x2, y2)
mixed:
  t0 = X * x2
  t1 = Y * y2
  Z = Z3 + e
  s1 = x2 + y2
  s2 = X + Y
  t4 = y2 * Z
  yy = x2 * Z
  t3 = s1 * s2
  B = #b * Z
  yy = yy + X
  z1 = #b * yy
  t4 = t4 + Y
  z = Z + Z + Z
  t2 = Z
  jmp formula

; ---- RCB algorithm 4: (X:Y:Z) + (x2:y2:z2)
add:
  t0 = X * x2
  Z = Z3 + e
  t1 = Y * y2
  s1 = x2 + y2
  s2 = X + Y
  t2 = Z * z2
  t3 = s1 * s2
  s1 = y2 + z2
  s2 = Y + Z
  t4 = s1 * s2
  s1 = x2 + z2
  s2 = X + Z
  yy = s1 * s2
  B = #b * t2
  yy = yy - t0 - t2
  t4 = t4 - t1 - t2
  z1 = #b * yy
  z = t2 + t2 + t2

; what both have in common, t3 being X y2 + x2 Y + t0 + t1
formula:
  w1 = yy - B
  t3 = t3 - t0 - t1
  p = t1 + w1 + w1 + w1
  w3 = w1 + w1 + w1
  m = t1 -64 w3
  u = t0 + t0 + t0 -16 z
  v = z + t0
  Y = p * m
  X = t3 * p
  Z3 = t4 * m
  z1 = z1 -16 v
  z1 = z1 + z1 + z1
  a = t4 * z1
  c = u * z1
  e = t3 * u
  X = X - a
  Y = Y + c
  ret

; ---- RCB algorithm 6: 2 (X:Y:Z)
double:
  t0 = X * X
  t1 = Y * Y
  Z = Z3 + e
  t3 = X * Y
  t2 = Z * Z
  yy = X * Z
  t4 = Y * Z
  B = #b * t2
  yy = yy + yy
  z1 = #b * yy
  t3 = t3 + t3
  t4 = t4 + t4
  z = t2 + t2 + t2
  u = t0 + t0 + t0 -16 z
  v = z + t0
  w1 = yy - B
  p = t1 + w1 + w1 + w1
  w3 = w1 + w1 + w1
  m = t1 -64 w3
  Y = p * m
  X = t3 * p
  e = t4 * t1
  z1 = z1 -16 v
  z1 = z1 + z1 + z1
  a = t4 * z1
  c = u * z1
  Z3 = e + e
  e = e + e
  X = X - a
  Y = Y + c
  ret

; ---- k (qx, qy), 0 < k < n: windows of 5 bits, recoded to odd digits -31..31; T holds the odd multiples
multiply_q:
  modulus n
  t0 = canon k
  t0 = k + #m?even + #w5
  t0 = canon t0
  recode t0 5 0
  call blind
  X = qx * lam
  Y = qy * lam
  T[0] = X
  T[16] = Y
  T[32] = lam
  call double
  Z = Z3 + e
  x2 = X
  y2 = Y
  z2 = Z
  X = T[0]
  Y = T[16]
  Z3 = T[32]
  e = #zero
.rep i 1 15
  call add
  T[i] = X
  T[16+i] = Y
  Z = Z3 + e
  T[32+i] = Z
.end
  sett T
  br p384 multiply_q384
  setx 51
  count 0 51
  jmp multiply_go
multiply_q384:
  setx 76
  count 0 76
multiply_go:
  digit 0
  call look_q
  X = x2
  Y = y2
  Z3 = z2
  e = #zero
multiply_step:
  addx -1
  digit 0
  count 2 5
  call doublings
  call look_q
  call add
  loop 0 multiply_step
  ret
look_q:
  x2 = scan @0 16
  y2 = scan @16 16
  z2 = scan @32 16
  y2 = y2?pos -16 y2?neg
  ret

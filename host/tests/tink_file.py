#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tink_file.py encrypt|decrypt 1MB|4KB KEY IN OUT [ASSOCIATED-DATA]: Google's Tink on a file, with AES256_GCM_HKDF_1MB or _4KB under the
32 raw bytes in KEY. A file that does not authenticate ends it with an error."""
import base64
import json
import sys

from tink import json_proto_keyset_format, secret_key_access, streaming_aead
from tink.proto import aes_gcm_hkdf_streaming_pb2, common_pb2

way, segment, key_file, source, target = sys.argv[1:6]
associated = (sys.argv[6] if len(sys.argv) > 6 else "").encode()
key = aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingKey(
    key_value=open(key_file, "rb").read(),
    params=aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingParams(
        ciphertext_segment_size={"1MB": 1 << 20, "4KB": 1 << 12}[segment],
        derived_key_size=32, hkdf_hash_type=common_pb2.SHA256))
keyset = {"primaryKeyId": 1, "key": [{
    "keyId": 1, "status": "ENABLED", "outputPrefixType": "RAW",
    "keyData": {
        "typeUrl": "type.googleapis.com/google.crypto.tink.AesGcmHkdfStreamingKey",
        "keyMaterialType": "SYMMETRIC",
        "value": base64.b64encode(key.SerializeToString()).decode()}}]}
streaming_aead.register()
handle = json_proto_keyset_format.parse(json.dumps(keyset), secret_key_access.TOKEN)
primitive = handle.primitive(streaming_aead.StreamingAead)
if way == "encrypt":
    with open(source, "rb") as plain, open(target, "wb") as out:
        with primitive.new_encrypting_stream(out, associated) as stream:
            while chunk := plain.read(1 << 20):
                stream.write(chunk)
else:
    with open(source, "rb") as sealed, open(target, "wb") as out:
        with primitive.new_decrypting_stream(sealed, associated) as stream:
            while chunk := stream.read(1 << 20):
                out.write(chunk)

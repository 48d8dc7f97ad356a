"""Dumps of strings as Redis writes them: made and read here independently of the servers."""


def crc_table():
    table = []
    for crc in range(256):
        for _ in range(8):
            crc = crc >> 1 ^ (0x95AC9329AC4BC9B5 if crc & 1 else 0)
        table.append(crc)
    return table


TABLE = crc_table()


def crc64(data):
    crc = 0
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 255]
    return crc


def signed(body, version=10):
    """A dump with a right footer."""
    dump = body + version.to_bytes(2, "little")
    return dump + crc64(dump).to_bytes(8, "little")


def length(number):
    if number < 64:
        return bytes([number])
    if number < 16384:
        return bytes([64 | number >> 8, number & 255])
    return b"\x80" + number.to_bytes(4, "big")


def pack(data, rng):
    """LZF, by chance packed well or badly."""
    packed, at = bytearray(), 0
    while at < len(data):
        back = rng.randint(1, min(at, 8192)) if at else 0
        run = 0
        while back and at + run < len(data) and run < 264 and data[at + run - back] == data[at + run]:
            run += 1
        if run < 3:
            count = min(rng.randint(1, 32), len(data) - at)
            packed += bytes([count - 1]) + data[at : at + count]
            at += count
            continue
        code = min(run - 2, 7)
        packed.append(code << 5 | (back - 1) >> 8)
        if code == 7:
            packed.append(run - 9)
        packed.append((back - 1) & 255)
        at += run
    return bytes(packed)


def string(value, rng):
    """One of the ways in which a string may stand in a dump, not always the one that Redis takes."""
    text = value.decode("latin1")
    if text.lstrip("-").isdigit() and str(int(text)) == text and -(2**31) <= int(text) < 2**31:
        sizes = [n for n in (1, 2, 4) if -(1 << (8 * n - 1)) <= int(text) < 1 << (8 * n - 1)]
        size = rng.choice(sizes)
        return bytes([0xC0 | size // 2]) + int(text).to_bytes(size, "little", signed=True)
    if value and rng.random() < 0.5:
        packed = pack(value, rng)
        return b"\xc3" + length(len(packed)) + length(len(value)) + packed
    return length(len(value)) + value


def read_length(data, at):
    first = data[at]
    if first >> 6 == 0:
        return first, at + 1
    if first >> 6 == 1:
        return (first & 63) << 8 | data[at + 1], at + 2
    assert first == 0x80, first
    return int.from_bytes(data[at + 1 : at + 5], "big"), at + 5


def unpack(packed):
    data, at = bytearray(), 0
    while at < len(packed):
        first = packed[at]
        at += 1
        if first < 32:
            data += packed[at : at + first + 1]
            at += first + 1
            continue
        run = first >> 5
        if run == 7:
            run += packed[at]
            at += 1
        back = ((first & 31) << 8 | packed[at]) + 1
        at += 1
        for _ in range(run + 2):
            data.append(data[-back])
    return bytes(data)


def value_of(dump):
    """The string that a dump holds; raises an exception when it is not right."""
    assert dump[:1] == b"\0" and signed(dump[:-10]) == dump
    body, first = dump[:-10], dump[1]
    if first >> 6 < 3:
        size, at = read_length(body, 1)
        assert at + size == len(body)
        return body[at:]
    if first < 0xC3:
        size = 1 << (first & 3)
        assert len(body) == 2 + size
        return b"%d" % int.from_bytes(body[2:], "little", signed=True)
    packed, at = read_length(body, 2)
    size, at = read_length(body, at)
    assert at + packed == len(body)
    value = unpack(body[at:])
    assert len(value) == size
    return value

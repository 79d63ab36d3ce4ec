"""As much of curl as the runbook asks for, where a machine has none: `-s`, `-f`, `-sf`, `-H`, `-d` and one address."""

import argparse
import sys
import urllib.error
import urllib.request


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("-s", action="store_true")
    parser.add_argument("-f", action="store_true")
    parser.add_argument("-H", action="append", default=[])
    parser.add_argument("-d")
    parser.add_argument("address")
    options = parser.parse_args()
    headers = dict(header.split(": ", 1) for header in options.H)
    request = urllib.request.Request(options.address, options.d and options.d.encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            sys.stdout.write(answer.read().decode())
    except urllib.error.HTTPError as error:
        if options.f:
            return 22
        sys.stdout.write(error.read().decode())
    except OSError:
        return 7
    return 0


if __name__ == "__main__":
    sys.exit(main())

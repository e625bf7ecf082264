"""What the shipped filter for fail2ban finds in a log: one address a line for each line that it matches, and `-` for each that it does not.

    log_filter.py FILTER LOG

It does what fail2ban does with a filter that has one pattern: the time at the front goes, <ADDR> is an address.
"""

import configparser
import re
import sys

ADDRESS = r"(?:(?P<ip4>(?:\d{1,3}\.){3}\d{1,3})|\[?(?P<ip6>(?:[0-9a-fA-F]{1,4}::?|::){1,7}(?:[0-9a-fA-F]{1,4}|(?<=:):))\]?)"


def main(filter_file, log):
    settings = configparser.ConfigParser(interpolation=configparser.BasicInterpolation())
    settings.read(filter_file, encoding="utf-8")
    (definition,) = [settings["Definition"]]
    pattern = re.compile(definition["failregex"].replace("<ADDR>", ADDRESS))
    time = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z")
    with open(log, encoding="utf-8", newline="\n") as lines:
        for line in lines:
            line, times = time.subn("", line.rstrip("\n"))
            found = pattern.search(line) if times == 1 else None
            print((found["ip4"] or found["ip6"]) if found else "-")


main(*sys.argv[1:])

"""A site is published, and its pages and tables are read."""

from harness.cli import main


def publish(*arguments: object) -> int:
    return main(["publish", *map(str, arguments)])


def texts(table, name):
    place = [cell.text for cell in table.header].index(name)
    return [row[place].text for row in table.rows]


def details(table, name):
    place = [cell.text for cell in table.header].index(name)
    return [row[place].detail for row in table.rows]


def html(site, pattern):
    return [path.read_text() for path in sorted(site.glob(pattern))]

import sys

from tests.cases.images import generate

if __name__ == "__main__":
    print(len(generate(sys.argv[1])), "files in", sys.argv[1])  # noqa: T201

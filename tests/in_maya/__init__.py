"""What AIM for Maya promises inside Maya, as checks that run in the real host (`aim-mayapy selftest`) and, in
the project's own tests, on a stand-in for it. They build their scenes with documented calls only.
"""

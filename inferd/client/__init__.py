"""The command line as a client of any inferd: it speaks HTTP only and knows nothing of the server's code.

Commands import ``connection`` (and with it aiohttp) inside ``run``, never at the top:
``inferd --help`` and the daemon import the commands' arguments and should not wait for a client.
"""

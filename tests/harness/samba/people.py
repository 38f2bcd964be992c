"""Fills a new Active Directory with people that have every kind of account: people.py SMB.CONF"""

import sys

import ldb
from samba import dsdb
from samba.auth import system_session
from samba.param import LoadParm
from samba.samdb import SamDB

lp = LoadParm()
lp.load(sys.argv[1])
db = SamDB(url=lp.private_path("sam.ldb"), session_info=system_session(lp), lp=lp)
base = str(db.domain_dn())


def modify(dn, controls=(), **values):
    message = ldb.Message(ldb.Dn(db, dn))
    for name, value in values.items():
        message[name] = ldb.MessageElement(value, ldb.FLAG_MOD_REPLACE, name)
    db.modify(message, list(controls))


# 66048: a normal account whose password never expires; 2: disabled
def user(name, control="66048", **more):
    db.newuser(name, f"{name}-Directory-1", mailaddress=f"{name}@example.test")
    more["displayName"] = f"{name.capitalize()} Example"
    modify(f"CN={name},CN=Users,{base}", userAccountControl=control, **more)


# three wrong passwords lock; passwords expire after little more than a day, which is the least
modify(base, lockoutThreshold="3", maxPwdAge="-864000000001", minPwdAge="0")
for name in ("service", "alice", "bob", "lou", "gus", "wanda"):
    user(name)
user("dora", "66050")
user("ed", accountExpires="132223104000000000")
user("mia", "512", pwdLastSet="0")
user("pat", "512")
bypass = f"local_oid:{dsdb.DSDB_CONTROL_BYPASS_PASSWORD_HASH_OID}:0"
modify(f"CN=pat,CN=Users,{base}", [bypass], pwdLastSet="132223104000000000")

for name in ("photographers", "family", "everyone"):
    db.newgroup(name)
db.add_remove_group_members("photographers", ["alice", "gus", "wanda"])
db.add_remove_group_members("everyone", ["photographers"])
for number in range(25):
    db.newgroup(f"many-{number}")
    db.add_remove_group_members(f"many-{number}", ["bob"])
